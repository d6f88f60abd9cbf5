/* Making and changing elements. Text is always text: nothing here parses markup. */

/** Makes an element: `h("button.primary", { onclick: save }, icon("check"), "Save")`. */
export function h(spec, ...rest) {
  const [tag, ...classes] = spec.split('.');
  const element = document.createElement(tag || 'div');
  if (classes.length) element.className = classes.join(' ');
  const first = rest[0];
  if (first && Object.getPrototypeOf(first) === Object.prototype) {
    for (const [name, value] of Object.entries(rest.shift())) set(element, name, value);
  }
  element.append(...rest.flat().filter((child) => child != null && child !== false));
  return element;
}

function set(element, name, value) {
  if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
  else attr(element, name, value);
}

/** Sets an attribute when it differs; `false`, `null` and `undefined` remove it. */
export function attr(element, name, value) {
  if (value === false || value == null) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const word = value === true ? '' : String(value);
  if (element.getAttribute(name) !== word) element.setAttribute(name, word);
}

/** Sets the text when it differs, so that an unchanged value costs no layout. */
export function text(element, value) {
  const word = value == null ? '' : String(value);
  if (element.textContent !== word) element.textContent = word;
}

/** Sets a custom property through the object model, which a strict CSP allows. */
export function token(element, name, value) {
  if (element.style.getPropertyValue(name) !== String(value)) {
    element.style.setProperty(name, value);
  }
}

/** Defines a custom element once. */
export function define(name, constructor) {
  if (!customElements.get(name)) customElements.define(name, constructor);
}

/**
 * Calls `send` at most once in `every_ms`, and always with the last value:
 * the first at once, the rest when the pause is over.
 */
export function paced(send, every_ms) {
  let due = 0;
  let timer = null;
  let last;
  const fire = () => {
    timer = null;
    due = performance.now() + every_ms;
    send(last);
  };
  return (value) => {
    last = value;
    if (timer !== null) return;
    const wait = due - performance.now();
    if (wait <= 0) fire();
    else timer = setTimeout(fire, wait);
  };
}

let serial = 0;
/** An id that no other element of this page has. */
export const uid = (word) => `${word}-${(serial += 1)}`;
