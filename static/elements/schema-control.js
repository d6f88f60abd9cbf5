/*
 * schema-control: a device of any kind, drawn from its schema alone. Shows what it reports as
 * readings, and what can be written as switches, sliders, choices or fields.
 * Sends `set` of the one property that was changed.
 */
import { attr, define, h, text, uid } from '../dom.js';
import { house } from '../house.js';
import { celsius, decimals, show, shown_t, title, word } from '../units.js';
import { t } from '../words.js';
import './power-switch.js';
import './value-slider.js';

const SLIDER_STEPS_MAX = 2_000; // a finer or wider range is a field, not a slider

export class SchemaControl extends HTMLElement {
  #updates = [];
  #device;

  follow(device) {
    this.#device = device;
    this.className = 'control';
    const only = this.dataset.only?.split(' '); // a sheet that shows some of them
    const properties = Object.entries(house.kind(device.kind).properties).filter(
      ([name]) => !only || only.includes(name),
    );
    const written = properties.filter(([, schema]) => schema.writable);
    const read = properties.filter(([, schema]) => !schema.writable);
    if (read.length) {
      this.append(h('dl.readings', ...read.map(([name, schema]) => this.#reading(name, schema))));
    }
    this.append(...written.map(([name, schema]) => this.#control(name, schema)));
    if (!properties.length) this.append(h('p.hint', t('schema.empty')));
  }

  update(device) {
    this.#device = device;
    const disabled = !house.canControl(device);
    for (const update of this.#updates) update(device, disabled);
  }

  #set(name, value) {
    house.set(this.#device.id, { [name]: value });
  }

  #reading(name, schema) {
    const value = h('dd');
    this.#updates.push((device) => text(value, show(device.reported?.[name], schema)));
    return h('div.reading', h('dt', title(name, schema)), value);
  }

  #control(name, schema) {
    if (schema.type === 'bool') return this.#bool(name, schema);
    if (schema.type === 'enum') return this.#choice(name, schema);
    if (schema.type === 'text') return this.#field(name, schema);
    const steps = (schema.max - schema.min) / (schema.step || 1);
    return steps > 0 && steps <= SLIDER_STEPS_MAX
      ? this.#slider(name, schema)
      : this.#field(name, schema);
  }

  #bool(name, schema) {
    const words = title(name, schema);
    const turn = document.createElement('power-switch').setup(words, (on) => this.#set(name, on));
    const state = h('span.row-state');
    this.#updates.push((device, disabled) => {
      const { target, actual, pending } = house.view(device, name);
      turn.update({ on: target === true, pending, disabled });
      text(
        state,
        pending && actual !== undefined
          ? `${show(actual, schema)} → ${show(target, schema)}`
          : show(target, schema),
      );
    });
    return h('div.row', h('span.row-name', words), state, turn);
  }

  #slider(name, schema) {
    const slider = document.createElement('value-slider').setup({
      label: title(name, schema),
      min: schema.min,
      max: schema.max,
      step: schema.step ?? (schema.type === 'integer' ? 1 : undefined),
      show: (value) => show(value, schema),
      moved: (value) => this.#set(name, value),
    });
    this.#updates.push((device, disabled) => {
      const { target, actual, pending } = house.view(device, name);
      slider.update({ value: target, actual, pending, disabled });
    });
    return slider;
  }

  #choice(name, schema) {
    const words = title(name, schema);
    const chips = (schema.values ?? []).map((value) =>
      h(
        'button.chip',
        { type: 'button', 'aria-pressed': 'false', onclick: () => this.#set(name, value) },
        word(value),
      ),
    );
    this.#updates.push((device, disabled) => {
      const { target, pending } = house.view(device, name);
      chips.forEach((chip, at) => {
        const chosen = schema.values[at] === target;
        attr(chip, 'aria-pressed', chosen ? 'true' : 'false');
        attr(chip, 'data-pending', chosen && pending);
        attr(chip, 'disabled', disabled);
      });
    });
    return h(
      'div.group',
      h('h3', words),
      h('div.chips', { role: 'group', 'aria-label': words }, ...chips),
    );
  }

  #field(name, schema) {
    const id = uid(`field-${name}`);
    const numeric = schema.type !== 'text';
    const warm = schema.unit === '°C';
    const input = h('input', {
      id,
      type: numeric ? 'number' : 'text',
      required: true,
      step: numeric ? (schema.step ?? (schema.type === 'integer' ? 1 : 'any')) : null,
      min: numeric && !warm ? schema.min : null,
      max: numeric && !warm ? schema.max : null,
      maxlength: numeric ? null : (schema.max_chars ?? 200),
    });
    const state = h('span.row-state');
    const button = h('button.quiet', { type: 'submit' }, t('set'));
    this.#updates.push((device, disabled) => {
      const { target, actual, pending } = house.view(device, name);
      if (document.activeElement !== input) {
        input.value =
          target === undefined
            ? ''
            : warm
              ? shown_t(target).toFixed(decimals(schema.step, '°C'))
              : target;
      }
      text(state, pending ? `${show(actual, schema)} → ${show(target, schema)}` : '');
      attr(input, 'disabled', disabled);
      attr(button, 'disabled', disabled);
    });
    const send = (event) => {
      event.preventDefault();
      const value = numeric ? Number(input.value) : input.value;
      this.#set(name, warm ? celsius(value) : value);
      input.blur();
    };
    return h(
      'form.field',
      { onsubmit: send },
      h('label', { for: id }, title(name, schema), schema.unit && !warm ? ` (${schema.unit})` : ''),
      h('div.field-row', input, button),
      state,
    );
  }
}

define('schema-control', SchemaControl);
