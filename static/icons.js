/* The page's own icons: 24 x 24, one line weight, drawn with the text's colour. */

const SVG = 'http://www.w3.org/2000/svg';
const PATHS = {
  hearth:
    'M12 21c-4.4 0-7-2.6-7-6.2 0-3.1 2.1-4.9 3.5-7 .4 1.6 1.1 2.3 2 2.8C10.3 7.2 ' +
    '11.6 4.7 14 3c-.3 2.7 5 5.6 5 11.4C19 18.3 16.2 21 12 21z' +
    'M12 21c-1.9 0-3-1.2-3-2.9 0-1.7 1.4-2.6 2.6-4.3 1.5 1.2 3.4 2.4 3.4 4.5 0 1.6-1.2 2.7-3 2.7z',
  light:
    'M9.5 18h5M10.5 21h3M12 3a6 6 0 0 0-3.7 10.7c.8.7 1.2 1.4 1.2 2.3h5c0-.9.4-1.6 ' +
    '1.2-2.3A6 6 0 0 0 12 3z',
  sous_vide:
    'M4 9h16v8a3 3 0 0 1-3 3H7a3 3 0 0 1-3-3zM2.5 12H4M20 12h1.5M8.5 3c-1 1.2 1 1.8 0 ' +
    '3M12 3c-1 1.2 1 1.8 0 3M15.5 3c-1 1.2 1 1.8 0 3',
  switch: 'M8 7h8a5 5 0 0 1 0 10H8A5 5 0 0 1 8 7zM16 14.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z',
  plug: 'M9 3v5M15 3v5M6.5 8h11v3.5a5.5 5.5 0 0 1-11 0zM12 17v4',
  thermometer: 'M12 3a2 2 0 0 0-2 2v8.7a4 4 0 1 0 4 0V5a2 2 0 0 0-2-2zM12 9v7',
  counter: 'M4 6.5h16v11H4zM9.3 6.5v11M14.7 6.5v11M6.2 12h1M11.5 12h1M16.8 12h1',
  device:
    'M6 5h12a1.5 1.5 0 0 1 1.5 1.5v11A1.5 1.5 0 0 1 18 19H6a1.5 1.5 0 0 1-1.5-1.5v-11A1.5 1.5 0 ' +
    '0 1 6 5zM9 9.5h6M9 12.5h6M9 15.5h3',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  close: 'M6 6l12 12M18 6L6 18',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  back: 'M14.5 5.5L8 12l6.5 6.5',
  forward: 'M9.5 5.5L16 12l-6.5 6.5',
  out:
    'M14 4H6.5A1.5 1.5 0 0 0 5 5.5v13A1.5 1.5 0 0 0 6.5 20H14M10.5 12H20M16.5 8.5L20 12l-3.5 ' +
    '3.5',
  person:
    'M12 11.5a3.75 3.75 0 1 0 0-7.5 3.75 3.75 0 0 0 0 7.5zM4.8 20c.8-3.6 3.7-5.5 ' +
    '7.2-5.5s6.4 1.9 7.2 5.5',
  stop: 'M7.5 7.5h9v9h-9z',
  flame: 'M12 21c-3.9 0-6.5-2.5-6.5-6 0-4.7 4.5-6 5-12 3.6 1.8 8 6.2 8 12 0 3.5-2.6 6-6.5 6z',
  copy: 'M9 9h10.5v10.5H9zM15 9V4.5H4.5V15H9',
  alert: 'M12 4.5l8.5 15h-17zM12 10.5v4M12 17v.2',
  sun:
    'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 ' +
    '1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4',
  chart: 'M4 4.5V19.5H20M7.5 15l3.5-4.5 3 2.5 4.5-6',
  share:
    'M8 14a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM16.5 9a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM16.5 20a2.5 ' +
    '2.5 0 1 ' +
    '0 0-5 2.5 2.5 0 0 0 0 5zM10.7 9.7l3.6-1.9M10.7 12.5l3.7 3',
  settings:
    'M4 7.5h9M17 7.5h3M15 9.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM4 16.5h3M11 16.5h9M9 18.5a2 2 0 1 ' +
    '0 0-4 2 2 0 0 0 0 4z',
  key: 'M8 16.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM12.5 12H21M18 12v3',
  trash: 'M5 7h14M10 7V4.5h4V7M6.5 7l.8 12.5h9.4L17.5 7',
  tree: 'M9.5 3.5h5v4.5h-5zM3.5 16h5v4.5h-5zM15.5 16h5v4.5h-5zM12 8v4M6 16v-4h12v4',
  download: 'M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 19.5h14',
  timer: 'M12 20.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15zM12 9v4.2l2.6 1.8M9.5 2.5h5',
  drop: 'M12 3.5c3.2 3.8 5.5 6.7 5.5 10a5.5 5.5 0 0 1-11 0c0-3.3 2.3-6.2 5.5-10z',
  expand: 'M9 4.5H4.5V9M15 4.5h4.5V9M9 19.5H4.5V15M15 19.5h4.5V15',
  bell: 'M6.5 16.5V11a5.5 5.5 0 0 1 11 0v5.5l1.5 1.5H5zM10 20.5h4',
};

/** An icon as decoration: the words beside it, or the control's label, say what it means. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name] ?? PATHS.device);
  svg.append(path);
  return svg;
}

/** The icon of a kind. */
export const kindIcon = (kind) => icon(kind in PATHS ? kind : 'device');
