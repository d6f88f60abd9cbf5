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
const EFFECTS = ['none', 'breathe', 'candle']; // of Hearth's own lamps; the kind has any text
const TONES = { brightness: 'glow', color_temp_k: 'kelvin', hue: 'hue', saturation: 'saturation' };

export class LightControl extends HTMLElement {
  #device;
  #switch;
  #sliders = new Map();
  #effects = null;
  #abilities = new Map();
  #properties = {};

  follow(device) {
    this.#device = device;
    this.#properties = house.kind(device.kind).properties;
    this.className = 'control';
    const set = (desired) => house.set(device.id, desired);
    this.#switch = document
      .createElement('power-switch')
      .setup(title('on', this.#properties.on), (on) => set({ on }));
    const whites = WHITES.map(([name, k]) =>
      swatch(name, white(k), () => set({ color_temp_k: k })),
    );
    const colours = COLOURS.map(([name, hue, saturation]) =>
      swatch(name, colour(hue, saturation), () => set({ hue, saturation })),
    );
    this.append(
      h('div.lamp-top', h('div.lamp', { 'aria-hidden': 'true' }), this.#switch),
      this.#slider('brightness') ?? '',
      this.#group('color_temp_k', t('light.white'), swatches(whites), this.#slider('color_temp_k')),
      this.#group(
        'hue',
        t('light.colour'),
        swatches(colours),
        this.#slider('hue'),
        this.#slider('saturation'),
      ),
      this.#group('effect', title('effect'), this.#effectChips()),
    );
  }

  /** What belongs to one ability of a lamp; shown to those that have it. */
  #group(name, words, ...parts) {
    if (!this.#properties[name]) return '';
    const group = h('div.group', h('h3', words), ...parts.filter(Boolean));
    this.#abilities.set(name, group);
    return group;
  }

  /** A lamp that speaks, and never spoke of an ability, does not have it. */
  #lacks(device, name) {
    const reported = device.reported ?? {};
    const speaks = 'on' in reported || 'brightness' in reported;
    return speaks && !(name in reported) && house.wants(device, name) === 0;
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
    const values = this.#properties.effect?.values ?? EFFECTS;
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
    return this.#effects;
  }

  update(device) {
    this.#device = device;
    const disabled = !house.canControl(device);
    const { target, pending } = house.view(device, 'on');
    const level = house.view(device, 'brightness').target ?? 100;
    token(this, '--light', lightColour(device));
    token(this, '--pure', colour(house.view(device, 'hue').target ?? 0, 100));
    token(this, '--level', target ? 0.35 + (0.65 * level) / 100 : 0);
    attr(this, 'data-lit', target === true);
    this.#switch.update({ on: target === true, pending, disabled });
    for (const [name, slider] of this.#sliders) {
      const view = house.view(device, name);
      slider.update({ value: view.target, actual: view.actual, pending: view.pending, disabled });
    }
    for (const [name, group] of this.#abilities) attr(group, 'hidden', this.#lacks(device, name));
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

const swatches = (buttons) =>
  h('div.swatches', { role: 'group', 'aria-label': t('light.ready') }, ...buttons);

define('light-control', LightControl);
