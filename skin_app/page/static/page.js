// Heatmaps switch in the browser: which diagnosis, how strong, from which edge on, and a second beside it.
// Everything is delegated to the document, because gradio replaces the HTML of a result, or changes the
// elements that are there into those of the next one.
(() => {
  const chosen = new Map(); // photo -> what its reader has set, kept when the full answer follows the quick one

  const settings = (photo) => {
    if (!chosen.has(photo)) chosen.set(photo, { code: null, beside: '', strength: null, split: null });
    return chosen.get(photo);
  };

  const show = (pane, code) => {
    pane.dataset.code = code;
    pane.querySelectorAll('[data-code]').forEach((part) => { part.hidden = part.dataset.code !== code; });
  };

  const press = (photo, code) => {
    document.querySelectorAll(`[data-for="${photo}"] button.pick`).forEach((button) => {
      button.setAttribute('aria-pressed', String(button.dataset.code === code));
    });
  };

  // The full answer draws its list anew: what was chosen in the quick one stays chosen.
  const pressAgain = (button) => {
    const photo = button.closest('[data-for]')?.dataset.for;
    const code = chosen.get(photo)?.code;
    if (!code) return;
    const pressed = String(button.dataset.code === code);
    if (button.getAttribute('aria-pressed') !== pressed) button.setAttribute('aria-pressed', pressed);
  };

  const apply = (figure) => {
    const set = settings(figure.dataset.photo);
    const panes = figure.querySelector('.panes');
    const first = panes.querySelector('.pane');
    panes.querySelectorAll('.pane.second').forEach((pane) => pane.remove());
    const code = set.code ?? first.dataset.code;
    show(first, code);
    if (set.beside) {
      const second = first.cloneNode(true);
      second.classList.add('second');
      panes.append(second);
      show(second, set.beside);
    }
    const strength = figure.querySelector('input.strength');
    const split = figure.querySelector('input.split');
    strength.value = set.strength ?? strength.defaultValue;
    split.value = set.split ?? split.defaultValue;
    figure.querySelector('select.beside').value = set.beside;
    figure.style.setProperty('--strength', strength.value / 100);
    figure.style.setProperty('--split', `${split.value}%`);
    press(figure.dataset.photo, code);
  };

  document.addEventListener('click', (event) => {
    const button = event.target.closest('button.pick');
    const photo = button?.closest('[data-for]')?.dataset.for;
    if (!photo) return;
    settings(photo).code = button.dataset.code;
    const figure = document.querySelector(`figure.map[data-photo="${photo}"]`);
    if (figure) apply(figure);
    else press(photo, button.dataset.code); // the quick answer: its heatmaps follow
  });

  document.addEventListener('input', (event) => {
    const figure = event.target.closest('figure.map');
    if (!figure) return;
    const name = ['strength', 'split', 'beside'].find((part) => event.target.classList.contains(part));
    if (!name) return;
    settings(figure.dataset.photo)[name] = event.target.value;
    apply(figure);
  });

  // What a file is goes by its content, on the server. gradio's field for a photo hides and turns away
  // what the browser does not know as an image by its name (HEIC, no suffix): it is told that all are.
  const named = (files) => {
    const images = new DataTransfer();
    for (const file of files) {
      const known = file.type.startsWith('image/');
      images.items.add(known ? file : new File([file], file.name, { type: 'image/unknown' }));
    }
    return images;
  };

  document.addEventListener('click', (event) => {
    // a phone asked for images offers its photos and camera; asked for any file, its folders
    if (matchMedia('(pointer: coarse)').matches) return;
    if (event.target.matches('input[type=file]')) event.target.accept = '';
  }, true);

  document.addEventListener('change', (event) => {
    if (event.target.matches('input[type=file]')) event.target.files = named(event.target.files).files;
  }, true);

  document.addEventListener('drop', (event) => {
    if (!event.isTrusted || !event.dataTransfer?.files.length) return;
    event.preventDefault();
    event.stopPropagation();
    const dataTransfer = named(event.dataTransfer.files);
    event.target.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer }));
  }, true);

  // A pasted photo goes where a chosen one would: gradio has a button for that, but no keys.
  document.addEventListener('paste', (event) => {
    if (event.target.closest('input, textarea, [contenteditable]')) return; // text, perhaps with a picture
    const files = [...(event.clipboardData?.files ?? [])];
    const photo = files.find((file) => file.type.startsWith('image/')) ?? files[0];
    const field = [...document.querySelectorAll('input[type=file]')].find(
      (input) => input.closest('.block').checkVisibility(),
    );
    if (!photo || !field) return;
    event.preventDefault();
    const chosen = new DataTransfer();
    chosen.items.add(photo);
    field.files = chosen.files;
    field.dispatchEvent(new Event('change', { bubbles: true }));
  });

  // gradio's button for more files holds a second button: only the outer one is left to the keyboard and
  // to screen readers, and it passes its click on.
  const mendAddFiles = (inner) => {
    if (inner.inert) return;
    inner.inert = true;
    inner.closest('.icon-button').addEventListener('click', () => inner.click());
  };

  new MutationObserver((changes) => {
    document.querySelectorAll('.icon-button button.upload-container').forEach(mendAddFiles);
    for (const change of changes) {
      if (change.attributeName === 'aria-pressed') pressAgain(change.target);
      const changed = change.type === 'attributes' ? [change.target] : [...change.addedNodes];
      for (const node of changed.filter((one) => one.nodeType === 1)) {
        const figures = node.matches('figure.map') ? [node] : node.querySelectorAll('figure.map');
        for (const figure of figures) apply(figure);
      }
    }
  }).observe(document.documentElement, {
    childList: true,
    subtree: true,
    attributeFilter: ['data-photo', 'aria-pressed'],
  });

  // An explanation opens beside its (i), inside the window.
  document.addEventListener('toggle', (event) => {
    const shown = event.target;
    if (!shown.matches?.('.explained') || event.newState !== 'open') return;
    const button = document.querySelector(`[popovertarget="${CSS.escape(shown.id)}"]`).getBoundingClientRect();
    const own = shown.getBoundingClientRect();
    const left = Math.min(Math.max(8, button.left - 12), innerWidth - own.width - 8);
    const below = button.bottom + 6;
    const top = below + own.height <= innerHeight - 8 ? below : Math.max(8, button.top - own.height - 6);
    shown.style.left = `${left}px`;
    shown.style.top = `${top}px`;
  }, true);
})();
