// Runs once for the Evidence tab (`js_on_load` of its gr.HTML, which gives `element`): pointing at the map, the
// arrow keys on it, and its filter. Everything is delegated, because gradio replaces what is in the element.
const REACH = 18; // units of the map's 800 x 600

const marks = (map) => {
  map.marks ??= [...map.querySelectorAll('polyline')].flatMap((line) => {
    const images = line.dataset.images.split(' ');
    const confirmed = line.dataset.confirmed.split(' ');
    return [...line.points].map(({ x, y }, i) => ({ x, y, line, image: images[i], way: Number(confirmed[i]) }));
  });
  return map.marks.filter(({ line }) => !line.classList.contains('faint'));
};

const nearest = (found, distance) => found.reduce(
  (best, mark) => (distance(mark) < best.distance ? { mark, distance: distance(mark) } : best),
  { mark: null, distance: Infinity },
);

const point = (map, mark) => {
  const ring = map.querySelector('.pointed');
  const tip = map.querySelector('.tip');
  map.shown = mark;
  ring.toggleAttribute('hidden', !mark);
  tip.hidden = !mark;
  if (!mark) return;
  ring.setAttribute('cx', mark.x);
  ring.setAttribute('cy', mark.y);
  const name = document.createElement('strong');
  name.textContent = mark.line.dataset.name;
  tip.replaceChildren(name, `${mark.image}, ${tip.dataset.ways.split('|')[mark.way]}`);
  // inside the map, on the side with more room
  const { width, height } = map.querySelector('svg').viewBox.baseVal;
  tip.style.left = mark.x < width / 2 ? `${(100 * mark.x) / width + 2}%` : '';
  tip.style.right = mark.x < width / 2 ? '' : `${100 - (100 * mark.x) / width + 2}%`;
  tip.style.top = `${Math.min((100 * mark.y) / height, 86)}%`;
};

const clear = () => element.querySelectorAll('.places').forEach((map) => point(map, null));

const follow = (event) => {
  const map = event.target.closest('.places');
  if (!map) {
    clear();
    return;
  }
  const svg = map.querySelector('svg');
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  const { mark, distance } = nearest(marks(map), ({ x, y }) => Math.hypot(x - at.x, y - at.y));
  point(map, distance < REACH ? mark : null);
};

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

element.addEventListener('pointermove', follow);
element.addEventListener('pointerdown', follow);
element.addEventListener('pointerleave', clear);
element.addEventListener('focusout', (event) => {
  if (event.target.matches('.places')) point(event.target, null);
});
element.addEventListener('keydown', (event) => {
  const map = event.target.closest('.places');
  if (!map) return;
  if (event.key === 'Escape') point(map, null);
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  const { width, height } = map.querySelector('svg').viewBox.baseVal;
  const from = map.shown ?? { x: width / 2, y: height / 2 };
  // the nearest mark in that direction; what lies aside counts double
  const ahead = marks(map).filter((mark) => (mark.x - from.x) * step[0] + (mark.y - from.y) * step[1] > 0.05);
  const { mark } = nearest(ahead, ({ x, y }) => {
    const [along, aside] = step[0] ? [x - from.x, y - from.y] : [y - from.y, x - from.x];
    return Math.hypot(along, 2 * aside);
  });
  if (mark) point(map, mark);
});

const filter = () => {
  const map = element.querySelector('.places');
  if (!map) return;
  const chosen = [...element.querySelectorAll('.map fieldset input:checked')].map((box) => box.value);
  map.querySelectorAll('polyline').forEach((line) => {
    line.classList.toggle('faint', chosen.length > 0 && !chosen.includes(line.dataset.code));
  });
  clear();
};
element.addEventListener('change', filter);
watch('value', filter); // another photo: the tab is written anew
