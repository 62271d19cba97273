// Keys lead to the pages, to the search and from row to row; a form is sent once. Every page works without this.
'use strict'
const rows = [...document.querySelectorAll('a.row')]
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, textarea')) return
  const page = [...document.querySelectorAll('a[data-key]')].find(a => a.dataset.key === event.key)
  const at = rows.indexOf(document.activeElement)
  if (page) page.click()
  else if (event.key === '/') document.querySelector('input[type=search]')?.focus()
  else if (event.key === 'j') rows[Math.min(at + 1, rows.length - 1)]?.focus()
  else if (event.key === 'k') rows[Math.max(at - 1, 0)]?.focus()
  else return
  event.preventDefault()
})
for (const form of document.querySelectorAll('form[method=post]')) {
  form.addEventListener('submit', event => {
    if (form.dataset.sent) event.preventDefault()
    form.dataset.sent = 'yes'
  })
}
