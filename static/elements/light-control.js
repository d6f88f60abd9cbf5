/*
 * light-control: a lamp. Shows a big switch and level, white by temperature, colour by hue and
 * saturation, a few ready-made lights, and the effects its kind knows.
 * Sends `set` of on, brightness, color_temp_k, hue, saturation, effect.
 */
import { attr, define, h, token } from '../dom.js';
import { house } from '../house.js';
import { colour, lightColour, white } from '../look.js';
import { decimals, number, show, title, word } from '../units.js';
import { t } from '../words.js';
import './power-switch.js';
import './value-slider.js';

const WHITES = [
  ['candle', 2000],
  ['warm', 2700],
  ['neutral', 4000],
  ['day', 6500],
];
const COLOURS = [
  ['ember', 18, 90],
  ['rose', 340, 60],
  ['dusk', 270, 55],
  ['sea', 190, 70],
  ['leaf', 110, 55],
];
const TONES = { brightness: 'glow', color_temp_k: 'kelvin', hue: 'hue', saturation: 'saturation' };

export class LightControl extends HTMLElement {
  #device;
  #switch;
  #sliders = new Map();
  #effects = null;
  #properties = {};

  follow(device) {
    this.#device = device;
    this.#properties = house.kind(device.kind).properties;
    this.className = 'control';
    const has = (name) => name in this.#properties;
    const set = (desired) => house.set(device.id, desired);
    this.#switch = document
      .createElement('power-switch')
      .setup(title('on', this.#properties.on), (on) => set({ on }));
    const swatches = [
      ...(has('color_temp_k')
        ? WHITES.map(([name, k]) =>
            swatch(name, white(k), () =>
              set(has('saturation') ? { color_temp_k: k, saturation: 0 } : { color_temp_k: k }),
            ),
          )
        : []),
      ...(has('hue')
        ? COLOURS.map(([name, hue, saturation]) =>
            swatch(name, colour(hue, saturation), () => set({ hue, saturation })),
          )
        : []),
    ];
    this.append(
      h('div.lamp-top', h('div.lamp', { 'aria-hidden': 'true' }), this.#switch),
      this.#slider('brightness') ?? '',
      swatches.length
        ? h('div.swatches', { role: 'group', 'aria-label': t('light.ready') }, ...swatches)
        : '',
      group(t('light.white'), this.#slider('color_temp_k')),
      group(t('light.colour'), this.#slider('hue'), this.#slider('saturation')),
      this.#effectChips() ?? '',
    );
  }

  #slider(name) {
    const schema = this.#properties[name];
    if (!schema) return null;
    const slider = document.createElement('value-slider').setup({
      label: title(name, schema),
      min: schema.min ?? 0,
      max: schema.max ?? 100,
      step: schema.step ?? 1,
      show: (value) =>
        name === 'hue'
          ? `${number(value)}°`
          : show(value, { ...schema, step: schema.step ?? 10 ** -decimals(schema.step) }),
      tone: TONES[name],
      moved: (value) => this.#moved(name, value),
    });
    this.#sliders.set(name, slider);
    return slider;
  }

  #moved(name, value) {
    const desired = { [name]: value };
    const off = house.view(this.#device, 'on').target === false;
    if (name === 'brightness' && off && value > 0) desired.on = true;
    house.set(this.#device.id, desired);
  }

  #effectChips() {
    const values = this.#properties.effect?.values;
    if (!values?.length) return null;
    this.#effects = h(
      'div.chips',
      { role: 'group', 'aria-label': title('effect') },
      ...values.map((value) =>
        h(
          'button.chip',
          {
            type: 'button',
            'data-value': value,
            'aria-pressed': 'false',
            onclick: () => house.set(this.#device.id, { effect: value }),
          },
          word(value),
        ),
      ),
    );
    return h('div.group', h('h3', title('effect')), this.#effects);
  }

  update(device) {
    this.#device = device;
    const disabled = !house.canControl(device);
    const { target, pending } = house.view(device, 'on');
    const level = house.view(device, 'brightness').target ?? 100;
    token(this, '--light', lightColour(device));
    token(this, '--level', target ? 0.35 + (0.65 * level) / 100 : 0);
    attr(this, 'data-lit', target === true);
    this.#switch.update({ on: target === true, pending, disabled });
    for (const [name, slider] of this.#sliders) {
      const view = house.view(device, name);
      slider.update({ value: view.target, actual: view.actual, pending: view.pending, disabled });
    }
    const effect = house.view(device, 'effect').target;
    for (const chip of this.#effects?.children ?? []) {
      attr(chip, 'aria-pressed', chip.dataset.value === effect ? 'true' : 'false');
      attr(chip, 'disabled', disabled);
    }
  }
}

function swatch(name, css, chosen) {
  const label = t(`light.${name}`);
  const button = h('button.swatch', {
    type: 'button',
    'aria-label': label,
    title: label,
    onclick: chosen,
  });
  token(button, '--light', css);
  return button;
}

function group(words, ...parts) {
  const there = parts.filter(Boolean);
  return there.length ? h('div.group', h('h3', words), ...there) : '';
}

define('light-control', LightControl);
