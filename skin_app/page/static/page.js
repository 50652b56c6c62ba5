// gradio names a visitor's session by `Math.random`, which is made for speed, not for secrets.
Math.random = () => {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
};

// Heatmaps switch in the browser: which diagnosis, how strong, and a second beside it. A photo's parts (its
// picture, its maps, its ranking) name it by the same token. Everything is delegated to the document, because
// gradio replaces the HTML of an answer, or changes the elements that are there into those of the next one.
(() => {
  const chosen = new Map(); // photo -> what its reader has set, kept when the full answer follows the quick one

  const settings = (photo) => {
    if (!chosen.has(photo)) chosen.set(photo, { code: null, beside: '', strength: null, shown: 'both', method: null });
    return chosen.get(photo);
  };

  const part = (kind, photo) => document.querySelector(`${kind}[data-photo="${photo}"]`);

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

  const nameOf = (photo, code) => (
    document.querySelector(`[data-for="${photo}"] button.pick[data-code="${code}"] .name`)?.textContent ?? ''
  );

  const draw = (pane, maps, code, method, isNamed) => {
    const layer = pane.querySelector('img.layer');
    const map = maps.querySelector(`.layers img[data-code="${code}"][data-method="${method}"]`);
    layer.hidden = !map;
    if (map) {
      layer.src = map.src;
      layer.alt = map.alt;
    }
    const name = pane.querySelector('.pane-name');
    name.hidden = !isNamed;
    name.textContent = isNamed ? nameOf(maps.dataset.photo, code) : '';
  };

  const apply = (photo) => {
    const picture = part('figure.picture', photo);
    const maps = part('section.maps', photo);
    if (!picture || !maps) return;
    const set = settings(photo);
    const code = set.code ?? maps.dataset.first;
    const methods = maps.querySelector('select.method');
    const method = set.method ?? methods.value;
    if (methods.value !== method) methods.value = method;
    const panes = picture.querySelector('.panes');
    panes.querySelectorAll('.pane.second').forEach((pane) => pane.remove());
    const first = panes.querySelector('.pane');
    draw(first, maps, code, method, Boolean(set.beside));
    if (set.beside) {
      const second = first.cloneNode(true);
      second.classList.add('second');
      panes.append(second);
      draw(second, maps, set.beside, method, true);
    }
    const strength = maps.querySelector('input.strength');
    strength.value = set.strength ?? maps.dataset.strength;
    strength.disabled = set.shown !== 'both' || maps.querySelector('fieldset').disabled;
    maps.querySelector('select.beside').value = set.beside;
    maps.querySelectorAll('.segments input').forEach((input) => { input.checked = input.value === set.shown; });
    maps.querySelectorAll('.map-line :is([data-code], [data-method])').forEach((line) => {
      line.hidden = (line.dataset.code ?? code) !== code || (line.dataset.method ?? method) !== method;
    });
    picture.dataset.shown = set.shown;
    picture.style.setProperty('--strength', set.shown === 'heatmap' ? 1 : strength.value / 100);
    press(photo, code);
  };

  document.addEventListener('click', (event) => {
    const button = event.target.closest('button.pick');
    const photo = button?.closest('[data-for]')?.dataset.for;
    if (!photo) return;
    settings(photo).code = button.dataset.code;
    press(photo, button.dataset.code); // the quick answer has no maps yet
    apply(photo);
  });

  document.addEventListener('input', (event) => {
    const maps = event.target.closest('section.maps');
    if (!maps) return;
    const name = event.target.type === 'radio' ? 'shown'
      : ['strength', 'beside', 'method'].find((one) => event.target.classList.contains(one));
    if (!name) return;
    settings(maps.dataset.photo)[name] = event.target.value;
    apply(maps.dataset.photo);
  });

  // A click on the photo shows it without its heatmap, and with it again.
  document.addEventListener('click', (event) => {
    const photo = event.target.closest('.stack')?.closest('figure.picture')?.dataset.photo;
    if (!photo || part('section.maps', photo)?.querySelector('fieldset').disabled) return; // no heatmap yet
    const set = settings(photo);
    set.shown = set.shown === 'photo' ? 'both' : 'photo';
    apply(photo);
  });

  // The field for a photo stays in the page behind the photo: what is dropped or chosen there goes to it.
  const field = () => document.querySelector('#photo input[type=file]');

  const give = (file, input) => {
    const files = new DataTransfer();
    files.items.add(file);
    input.files = files.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));
  };

  document.addEventListener('click', (event) => {
    if (!event.target.closest('[data-new-photo]')) return;
    const input = field();
    input.value = ''; // the same file may be chosen again
    input.click();
  });

  const picture = (event) => event.target.closest?.('#picture figure.picture');

  // Not a text or a link: that is no photo to drop.
  document.addEventListener('dragover', (event) => {
    const figure = picture(event);
    if (!figure || !event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    figure.classList.add('dropping');
  });

  document.addEventListener('dragleave', (event) => {
    const figure = picture(event);
    if (figure && !figure.contains(event.relatedTarget)) figure.classList.remove('dropping');
  });

  // What a file is goes by its content, on the server. gradio's field for a photo hides and turns away
  // what the browser does not know as an image by its name (HEIC, no suffix): it is told that all are.
  // A folder among them (`isFolder`: of each) has no content to send: a word instead, which is no image either.
  const named = (files, isFolder = []) => {
    const images = new DataTransfer();
    for (const [index, file] of [...files].entries()) {
      const known = file.type.startsWith('image/');
      const content = isFolder[index] ? 'folder' : file;
      images.items.add(known ? file : new File([content], file.name, { type: 'image/unknown' }));
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
    const figure = picture(event);
    const isFolder = [...event.dataTransfer.items]
      .filter((item) => item.kind === 'file')
      .map((item) => item.webkitGetAsEntry()?.isDirectory);
    const dataTransfer = named(event.dataTransfer.files, isFolder);
    if (figure) {
      figure.classList.remove('dropping');
      give(dataTransfer.files[0], field());
      return;
    }
    event.target.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer }));
  }, true);

  // A pasted photo goes where a chosen one would: gradio has a button for that, but no keys.
  document.addEventListener('paste', (event) => {
    if (event.target.closest('input, textarea, [contenteditable]')) return; // text, perhaps with a picture
    const files = [...(event.clipboardData?.files ?? [])];
    const photo = files.find((file) => file.type.startsWith('image/')) ?? files[0];
    // the first tab's field stays behind its photo; the others have one each
    const open = [...document.querySelectorAll('input[type=file]')].find(
      (input) => input.closest('#stage, .block').checkVisibility(),
    );
    if (!photo || !open) return;
    event.preventDefault();
    give(photo, open);
  });

  // gradio's button for more files holds a second button: only the outer one is left to the keyboard and
  // to screen readers, and it passes its click on.
  const mendAddFiles = (inner) => {
    if (inner.inert) return;
    inner.inert = true;
    inner.closest('.icon-button').addEventListener('click', () => inner.click());
  };

  // gradio's button of the camera has no translation: the page states its words.
  const nameCamera = () => {
    const said = document.querySelector('[data-camera]')?.dataset.camera;
    for (const icon of said ? document.querySelectorAll('#photo .icon-wrap') : []) {
      if (icon.nextSibling?.nodeValue?.includes('Webcam')) icon.nextSibling.nodeValue = ` ${said}`;
    }
  };

  new MutationObserver((changes) => {
    nameCamera();
    document.querySelectorAll('.icon-button button.upload-container').forEach(mendAddFiles);
    const photos = new Set();
    for (const change of changes) {
      if (change.attributeName === 'aria-pressed') pressAgain(change.target);
      const changed = change.type === 'attributes' ? [change.target] : [...change.addedNodes];
      for (const node of changed.filter((one) => one.nodeType === 1)) {
        // the full answer may put its maps into the section of the quick one
        const own = node.matches('[data-photo]') ? node : node.closest('section.maps');
        for (const one of own ? [own] : node.querySelectorAll('[data-photo]')) photos.add(one.dataset.photo);
      }
    }
    photos.forEach(apply);
  }).observe(document.documentElement, {
    childList: true,
    subtree: true,
    attributeFilter: ['data-photo', 'data-first', 'aria-pressed'],
  });

  // While a photo waits for its turn, the server tells its place in line (waiting_line.py) in the stream of
  // messages that gradio reads, and gradio keeps that to itself: it is read on its way, and shown.
  const tell = (line) => {
    const place = document.querySelector('#outcome .waiting .place');
    if (!place || !/^data: \{"msg":"(estimation|process_starts)"/.test(line)) return;
    const { msg, event_id: event, said } = JSON.parse(line.slice('data: '.length));
    // steps of the page that wait for something else have no place in this line
    if (msg === 'estimation' ? said === undefined : event !== place.dataset.event) return;
    place.dataset.event = event;
    place.textContent = said ?? '';
    place.classList.toggle('skeleton', !said);
  };

  const listen = async (stream) => {
    let rest = '';
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (rest + part.value).split('\n');
      rest = lines.pop();
      lines.forEach(tell);
    }
  };

  const ask = fetch;
  globalThis.fetch = async (...request) => {
    const answer = await ask(...request);
    const streams = answer.ok && new URL(answer.url).pathname.endsWith('/queue/data');
    if (streams) listen(answer.clone().body).catch(() => {}); // gradio says that the connection broke
    return answer;
  };

  // An explanation opens beside its (i), inside the window.
  const place = (shown) => {
    const button = document.querySelector(`[popovertarget="${CSS.escape(shown.id)}"]`)?.getBoundingClientRect();
    if (!button) return;
    const own = shown.getBoundingClientRect();
    const left = Math.min(Math.max(8, button.left - 12), innerWidth - own.width - 8);
    const below = button.bottom + 6;
    const top = below + own.height <= innerHeight - 8 ? below : Math.max(8, button.top - own.height - 6);
    shown.style.left = `${left}px`;
    shown.style.top = `${top}px`;
  };

  document.addEventListener('toggle', (event) => {
    if (event.target.matches?.('.explained') && event.newState === 'open') place(event.target);
  }, true);

  const placeAll = () => document.querySelectorAll('.explained:popover-open').forEach(place);
  document.addEventListener('scroll', placeAll, { capture: true, passive: true });
  addEventListener('resize', placeAll);

  // The full answer may change an open explanation of the quick one, which takes its place away.
  new MutationObserver(() => {
    document.querySelectorAll('.explained:popover-open:not([style*=left])').forEach(place);
  }).observe(document.documentElement, { childList: true, subtree: true, attributeFilter: ['style'] });
})();
