// The table of results: a column's title sorts, an outcome filters, a link exports, a photo opens.
// It runs once for each place of a table (`element`); gradio rewrites the rows there in place.
const rowsOf = () => [...element.querySelectorAll('tbody tr')];
const { compare } = new Intl.Collator(undefined, { numeric: true });

const sort = (title) => {
  const down = title.ariaSort ? title.ariaSort === 'ascending' : title.classList.contains('number');
  for (const other of title.parentElement.cells) other.removeAttribute('aria-sort');
  title.setAttribute('aria-sort', down ? 'descending' : 'ascending');
  const key = (row) => row.cells[title.cellIndex]?.dataset.sort ?? '';
  const inOrder = (a, b) => !key(a) - !key(b) || (down ? -1 : 1) * compare(key(a), key(b));
  element.querySelector('tbody').append(...rowsOf().sort(inOrder));
};

const filter = (chip) => {
  chip.ariaPressed = String(chip.ariaPressed !== 'true');
  const pressed = [...element.querySelectorAll('.chip[aria-pressed=true]')];
  const outcomes = pressed.map((one) => one.dataset.outcome);
  for (const row of rowsOf()) row.hidden = outcomes.length > 0 && !outcomes.includes(row.dataset.outcome);
  element.querySelector('.shown').textContent = rowsOf().filter((row) => !row.hidden).length;
};

const fillExport = (link) => {
  const rows = rowsOf().filter((row) => link.classList.contains('all') || !row.hidden);
  const lines = [element.querySelector('table'), ...rows].map((part) => `${part.dataset.csv}\r\n`);
  // with the mark by which spreadsheets know UTF-8
  link.href = `data:text/csv;charset=utf-8,${encodeURIComponent(`\ufeff${lines.join('')}`)}`;
};

element.addEventListener('click', ({ target }) => {
  const title = target.closest('thead th');
  const chip = target.closest('button.chip');
  const link = target.closest('a.export');
  const opener = target.closest('tbody tr')?.querySelector('button[data-row]');
  if (title && target.closest('button')) sort(title);
  else if (chip) filter(chip);
  else if (link) fillExport(link);
  else if (opener) trigger('click', { row: Number(opener.dataset.row) });
});
