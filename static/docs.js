/*
 * Shows openapi.json to people: every call, what it does, and how it may be answered.
 * Sends: one GET of /openapi.json.
 */

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

function element(name, words, ...children) {
  const made = document.createElement(name);
  made.textContent = words;
  made.append(...children);
  return made;
}

function call(method, path, operation) {
  const answers = Object.entries(operation.responses ?? {}).map(([status, response]) =>
    element('li', `${status} ${response.description ?? ''}`),
  );
  return element(
    'section',
    '',
    element('h3', `${method.toUpperCase()} ${path}`),
    element('p', [operation.summary, operation.description].filter(Boolean).join(' ')),
    element('ul', '', ...answers),
  );
}

function show(document_, into) {
  const groups = new Map();
  for (const [path, item] of Object.entries(document_.paths)) {
    for (const method of METHODS.filter((name) => item[name])) {
      const tag = item[method].tags?.[0] ?? 'other';
      groups.set(tag, [...(groups.get(tag) ?? []), call(method, path, item[method])]);
    }
  }
  for (const [tag, calls] of groups) into.append(element('h2', tag), ...calls);
}

const into = document.getElementById('docs');
try {
  const answer = await fetch('/openapi.json');
  show(await answer.json(), into);
} catch (fault) {
  into.append(element('p', `openapi.json can't be read: ${fault.message}`));
}
