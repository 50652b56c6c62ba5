// gradio asks the browser for its language. The server has settled that: it is the one that the page states.
// This runs before gradio's own script (visitor_language.py).
(() => {
  const language = document.documentElement.lang;
  Object.defineProperty(navigator, 'language', { get: () => language });
  Object.defineProperty(navigator, 'languages', { get: () => [language] });

  document.addEventListener('click', (event) => {
    const chosen = event.target.closest('button[data-language]')?.dataset.language;
    if (!chosen || chosen === language) return;
    document.cookie = `skin_app_language=${chosen}; path=/; SameSite=Lax`; // until the browser is closed
    location.reload();
  });
})();
