/*
 * ask-dialog: one question with a clear answer. Shows what will happen; resolves to true when
 * the person says yes, false for anything else. Sends nothing.
 */
import { h } from '../dom.js';
import { icon } from '../icons.js';
import { t } from '../words.js';

/** Asks; `yes` is the words of the button that does it, `tone` "ember" or "bad". */
export function ask({ title, body, yes, tone = 'ember', picture }) {
  return new Promise((answer) => {
    const dialog = h(
      'dialog.ask',
      { 'aria-labelledby': 'ask-title', 'aria-describedby': 'ask-body' },
      picture ? h(`div.ask-picture.${tone}`, icon(picture)) : null,
      h('h2', { id: 'ask-title' }, title),
      h('p', { id: 'ask-body' }, body),
      h(
        'form.ask-buttons',
        { method: 'dialog' },
        h('button.quiet', { value: 'no' }, t('cancel')),
        h(`button.${tone}`, { value: 'yes' }, yes),
      ),
    );
    dialog.addEventListener('close', () => {
      dialog.remove();
      answer(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
