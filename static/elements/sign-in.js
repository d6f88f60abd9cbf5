/*
 * sign-in: the door. Shows a name and a password, and what was wrong with them.
 * Sends POST /auth/login, or POST /auth/register and then login.
 */
import { Refused, register, signIn } from '../api.js';
import { attr, define, h, text } from '../dom.js';
import { icon } from '../icons.js';
import { has, t } from '../words.js';

export class SignIn extends HTMLElement {
  #name = h('input', {
    id: 'username',
    name: 'username',
    autocomplete: 'username',
    required: true,
    autocapitalize: 'none',
    spellcheck: 'false',
    maxlength: 64,
  });
  #password = h('input', {
    id: 'password',
    name: 'password',
    type: 'password',
    required: true,
    autocomplete: 'current-password',
    maxlength: 256,
  });
  #fault = h('p.fault', { role: 'alert' });
  #form;

  connectedCallback() {
    this.#form = h(
      'form.door-form',
      { onsubmit: (event) => this.#enter(event) },
      h('div.field', h('label', { for: 'username' }, t('sign.name')), this.#name),
      h('div.field', h('label', { for: 'password' }, t('sign.password')), this.#password),
      this.#fault,
      h('button.ember.wide', { type: 'submit', value: 'in' }, t('sign.in')),
      h('button.quiet.wide', { type: 'submit', value: 'new' }, t('sign.create')),
    );
    this.append(
      h(
        'main.door',
        h('div.door-fire', { 'aria-hidden': 'true' }, icon('hearth')),
        h('h1', 'Hearth'),
        h('p.door-words', t(setup() ? 'sign.setup' : 'sign.words')),
        this.#form,
      ),
    );
    this.#name.focus();
  }

  async #enter(event) {
    event.preventDefault();
    const fresh = event.submitter?.value === 'new';
    this.#busy(true);
    text(this.#fault, '');
    try {
      await (fresh ? register : signIn)(this.#name.value.trim(), this.#password.value, setup());
      if (setup()) history.replaceState(null, '', '/');
      this.dispatchEvent(new CustomEvent('signed', { bubbles: true }));
    } catch (fault) {
      text(this.#fault, said(fault));
      this.#busy(false);
      (fault.code === 'username_taken' ? this.#name : this.#password).select();
    }
  }

  #busy(busy) {
    for (const button of this.#form.querySelectorAll('button')) attr(button, 'disabled', busy);
  }
}

/** The word in a new server's one-time link, `/#setup=…` or `/?setup=…`. */
const setup = () => /[#?&]setup=([^&]+)/.exec(location.href)?.[1];

/** What a refusal means in the page's language, with the server's reasons where it gives any. */
function said(fault) {
  if (!(fault instanceof Refused)) return t('fault.unreachable');
  if (fault.status === 429) return t('fault.rate');
  if (has(`fault.${fault.code}`)) return t(`fault.${fault.code}`);
  if (fault.status === 401) return t('fault.credentials');
  const fields = fault.errors.map((error) => `${error.field}: ${error.reason}`).join(' · ');
  return fields || fault.message;
}

define('sign-in', SignIn);
