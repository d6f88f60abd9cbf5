/* English. The names of controls are a promise to assistive technology: change them with care. */
export default {
  on: 'On', off: 'Off', set: 'Set', close: 'Close', cancel: 'Cancel', show: 'Show', save: 'Save',
  copy: 'Copy', copied: 'Copied', 'copy.what': 'Copy: {what}', 'copy.select': 'Ctrl+C',

  'sign.name': 'Username', 'sign.password': 'Password', 'sign.in': 'Sign in',
  'sign.create': 'Create account', 'sign.words': 'Your home, live and in your own hands.',
  'fault.unreachable': 'The server can’t be reached. Is it running?',
  'fault.rate': 'Too many attempts. Wait a little and try again.',
  'fault.credentials': 'That name and password don’t belong together.',
  'fault.invalid_credentials': 'That name and password don’t belong together.',
  'fault.username_taken': 'This name is taken. Choose another.',
  'fault.registration_closed': 'New accounts are made by the administrator here.',

  'bar.skip': 'Skip to the devices', 'bar.nav': 'Main', 'bar.add': 'Add device',
  'bar.account': 'Account', 'bar.admin': 'Administration', 'bar.out': 'Sign out',
  'live.live': 'Live', 'live.opening': 'Connecting', 'live.waiting': 'Reconnecting',
  'live.off': 'Not connected',

  'hello.night': 'Good night, {name}', 'hello.morning': 'Good morning, {name}',
  'hello.day': 'Good afternoon, {name}', 'hello.evening': 'Good evening, {name}',
  'hello.night.plain': 'Good night', 'hello.morning.plain': 'Good morning',
  'hello.day.plain': 'Good afternoon', 'hello.evening.plain': 'Good evening',
  'home.light_on': '1 light is on', 'home.lights_on': '{n} lights are on',
  'home.cooking': '1 cooker is warm', 'home.cookings': '{n} cookers are warm',
  'home.away': '{n} offline', 'home.calm': 'All is calm.', 'home.no_room': 'Elsewhere',
  'home.old': 'Last known state, from {when}. The server can’t be reached.',
  'home.empty': 'A quiet house', 'home.empty_words':
    'Add your first device with the button above: a bulb, a cooker, or anything that speaks MQTT.',

  'card.live': 'live', 'card.offline': 'offline', 'card.offline_for': 'offline {age}',
  'card.never': 'waits for its first message', 'card.silent': 'Nothing heard yet',
  'card.waiting': 'queued until the network is back', 'card.changing': 'changing to',

  'sheet.tabs': 'Device', 'sheet.control': 'Control', 'sheet.history': 'History',
  'sheet.people': 'People', 'sheet.settings': 'Settings', 'sheet.problem': 'Last problem: {problem}',
  'sheet.waiting': 'queued until the network is back',

  'light.white': 'White', 'light.colour': 'Colour', 'light.ready': 'Ready-made lights',
  'light.candle': 'Candle', 'light.warm': 'Warm white', 'light.neutral': 'Neutral white',
  'light.day': 'Daylight', 'light.ember': 'Ember', 'light.rose': 'Rose', 'light.dusk': 'Dusk',
  'light.sea': 'Sea', 'light.leaf': 'Leaf',

  'cook.start': 'Start heating', 'cook.stop': 'Stop', 'cook.food': 'Food is in', 'cook.heat': 'heating',
  'cook.starting': 'Starting', 'cook.stopping': 'Stopping', 'cook.no_timer': 'No timer',
  'cook.step': 'Timer {n} min', 'cook.recipes': 'Ready-made cooks',
  'cook.ask': 'Start heating?', 'cook.yes': 'Start heating',
  'cook.ask_words': '{name} will heat to {target}. Is there enough water in it?',
  'cook.held': 'kept warm {time}', 'cook.eta': 'There in about {time} ({until})',
  'cook.core': 'core about {core}', 'cook.safe': 'pasteurised (estimate)',
  'cook.safe_in': 'pasteurised in about {time} (estimate)',
  'step.preheating': 'Heat', 'step.ready': 'Ready', 'step.cooking': 'Cook', 'step.done': 'Done',
  'recipe.steak': 'Steak', 'recipe.salmon': 'Salmon', 'recipe.chicken': 'Chicken',
  'recipe.egg': 'Egg', 'recipe.vegetables': 'Vegetables',

  'kind.light': 'Light', 'kind.sous_vide': 'Sous-vide cooker', 'kind.switch': 'Switch',
  'kind.plug': 'Plug', 'kind.thermometer': 'Thermometer', 'kind.counter': 'Counter',
  'prop.on': 'Power', 'prop.brightness': 'Brightness', 'prop.color_temp_k': 'Colour temperature',
  'prop.hue': 'Hue', 'prop.saturation': 'Saturation', 'prop.effect': 'Effect',
  'prop.target_c': 'Target temperature', 'prop.timer_s': 'Timer', 'prop.heating': 'Heating',
  'prop.water_c': 'Water', 'prop.temperature_c': 'Temperature', 'prop.humidity_pct': 'Humidity',
  'prop.battery_pct': 'Battery', 'prop.power_w': 'Power drawn', 'prop.energy_kwh': 'Energy',
  'prop.count': 'Count', 'prop.preset': 'Set count to', 'prop.duty_pct': 'Heater',
  'prop.start': 'Start of the timer', 'prop.remaining_s': 'Time left', 'prop.held_s': 'Kept warm',

  'word.off': 'Off', 'word.on': 'On', 'word.ok': 'All well', 'word.alarm': 'Alarm',
  'word.idle': 'Idle', 'word.preheating': 'Heating up', 'word.ready': 'Ready for the food',
  'word.cooking': 'Cooking', 'word.holding': 'Keeping warm', 'word.done': 'Done', 'word.error': 'Fault',
  'word.none': 'None',

  'alarm.low_water': 'Too little water', 'alarm.over_temp': 'The water is too hot',
  'alarm.no_heating': 'It heats, but the water stays cold', 'alarm.temp_drop': 'The water is cooling down',
  'alarm.sensor_fault': 'The sensor is broken', 'alarm.offline_while_cooking': 'Lost contact while cooking',
  'alarm.since': 'for {age}', 'alarm.seen': 'Seen',

  failed: '{name}: {what} was not changed. {why}', 'failed.expired': 'It didn’t answer in time.',
  'failed.unknown': 'The device refused.', 'failed.refused': 'The device refused.',

  'add.title': 'Add a device', 'add.step1': 'Kind', 'add.step2': 'Connect', 'add.step3': 'Hello',
  'add.kind': 'What is it?', 'add.name': 'Name', 'add.room': 'Room', 'add.next': 'Continue',
  'add.connect': 'Connect it', 'add.once': 'The secret is shown only now. Give it to the device, '
    + 'or paste a line below into a terminal to play the device yourself.',
  'add.id': 'Device id', 'add.secret': 'Secret', 'add.qr': 'Address and secret as a QR code',
  'add.pub': 'Say its first state', 'add.sub': 'Hear what it is asked for',
  'add.waiting': 'Waiting for hello', 'add.waiting_words': 'Listening for the first message of {name} …',
  'add.here': 'It’s here!', 'add.here_words': '{name} is at home.', 'add.open': 'Open device',
  'schema.empty': 'This kind has nothing to show yet.',
};
