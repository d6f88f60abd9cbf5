/*
 * alarm-list: what is wrong with a device. Shows each open alarm with its age.
 * Sends POST /devices/{id}/alarms/{code}/acknowledge when a person has seen one.
 */
import { post } from '../api.js';
import { attr, define, h } from '../dom.js';
import { house } from '../house.js';
import { icon } from '../icons.js';
import { age, alarmWords } from '../units.js';
import { t } from '../words.js';
import { say } from './toast-list.js';

export class AlarmList extends HTMLElement {
  #shape = '';

  update(device) {
    const alarms = device.alarms ?? [];
    const shape = JSON.stringify(alarms);
    attr(this, 'hidden', !alarms.length);
    if (shape === this.#shape) return;
    this.#shape = shape;
    this.replaceChildren(...alarms.map((alarm) => this.#row(device, alarm)));
  }

  #row(device, { code, since, acknowledged_by: by }) {
    const details = by
      ? t('alarm.by', { name: by })
      : t('alarm.since', { age: age(since, house.now()) });
    const seen = h(
      'button.link',
      { type: 'button', onclick: () => this.#acknowledge(device.id, code) },
      t('alarm.seen'),
    );
    return h(
      'div.alarm',
      { role: 'alert', 'data-seen': Boolean(by) },
      icon('alert'),
      h('span', alarmWords(code), h('small', ` ${details}`)),
      by || !house.canControl(device) ? null : seen,
    );
  }

  async #acknowledge(id, code) {
    try {
      await post(`/devices/${id}/alarms/${encodeURIComponent(code)}/acknowledge`, {});
    } catch (fault) {
      say(fault.message, { tone: 'bad' });
    }
  }
}

define('alarm-list', AlarmList);
