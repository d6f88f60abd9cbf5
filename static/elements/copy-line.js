/*
 * copy-line: words to take elsewhere. Shows a label, the words, and a button that copies them.
 * Sends nothing.
 */
import { h, text } from '../dom.js';
import { icon } from '../icons.js';
import { t } from '../words.js';

const SAID_MS = 2_000;

/** A line with its copy button; `code` shows it as a wrapped command. */
export function copyLine(label, words, { code = false } = {}) {
  const shown = h(
    code ? 'pre.copy-words' : 'output.copy-words',
    { 'aria-label': label, tabindex: code ? 0 : null, role: code ? 'region' : null },
    String(words),
  );
  const said = h('span');
  const button = h(
    'button.copy',
    {
      type: 'button',
      'aria-label': t('copy.what', { what: label }),
      onclick: () => copy(shown, said),
    },
    icon('copy'),
    said,
  );
  text(said, t('copy'));
  return h('div.copy-line', h('span.copy-label', label), h('div.copy-box', shown, button));
}

async function copy(shown, said) {
  try {
    await navigator.clipboard.writeText(shown.textContent);
    text(said, t('copied'));
  } catch {
    // Without a secure context there is no clipboard: select it, so that one keystroke copies.
    getSelection().selectAllChildren(shown);
    text(said, t('copy.select'));
  }
  setTimeout(() => text(said, t('copy')), SAID_MS);
}
