/*
 * alarm-list: what is wrong with a device. Shows each open alarm with its age.
 * Sends POST /devices/{id}/alarms/{code}/ack when a person has seen one.
 */
import { post } from '../api.js';
import { attr, define, h } from '../dom.js';
import { house } from '../house.js';
import { icon } from '../icons.js';
import { age } from '../units.js';
import { has, t } from '../words.js';
import { say } from './toast-list.js';

/** What an alarm means, in the page's language where it is a known one. */
export function alarmWords(alarm) {
  const code = alarm.code ?? alarm.name ?? alarm.alarm ?? (typeof alarm === 'string' ? alarm : '');
  return has(`alarm.${code}`) ? t(`alarm.${code}`) : (alarm.message ?? alarm.text ?? code);
}

export class AlarmList extends HTMLElement {
  #shape = '';

  update(device) {
    const alarms = (device.alarms ?? []).filter((alarm) => !alarm.cleared_at);
    const shape = JSON.stringify(alarms);
    attr(this, 'hidden', !alarms.length);
    if (shape === this.#shape) return;
    this.#shape = shape;
    this.replaceChildren(...alarms.map((alarm) => this.#row(device, alarm)));
  }

  #row(device, alarm) {
    const since = alarm.raised_at ?? alarm.since;
    const code = alarm.code ?? alarm.name ?? alarm.alarm ?? alarm;
    const seen = alarm.acknowledged_at ?? alarm.acknowledged ?? alarm.acked;
    return h(
      'div.alarm',
      { role: 'alert', 'data-seen': Boolean(seen) },
      icon('alert'),
      h(
        'span',
        alarmWords(alarm),
        since ? h('small', ` ${t('alarm.since', { age: age(since, house.now()) })}`) : null,
      ),
      seen || !house.canControl(device)
        ? null
        : h(
            'button.link',
            { type: 'button', onclick: () => this.#acknowledge(device.id, code) },
            t('alarm.seen'),
          ),
    );
  }

  async #acknowledge(id, code) {
    try {
      await post(`/devices/${id}/alarms/${encodeURIComponent(code)}/ack`, {});
    } catch (fault) {
      say(fault.message, { tone: 'bad' });
    }
  }
}

define('alarm-list', AlarmList);
