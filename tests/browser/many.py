"""As after a long afternoon: a page that remembers hundreds of branches."""

# Writes so many more into the browser's database, as children of the last one and of each other;
# gives the bytes of one. The page shows them once it is loaded again.
MANY_BRANCHES = """async (rows) => {
  const request = indexedDB.open("maskgit-studio");
  const database = await new Promise((done) => { request.onsuccess = () => done(request.result); });
  const store = database.transaction("branches", "readwrite").objectStore("branches");
  const all = await new Promise((done) => {
    const found = store.getAll();
    found.onsuccess = () => done(found.result);
  });
  const last = all.at(-1);
  for (let i = 1; i <= rows; i++) {
    const parent = i < 4 ? last.id : last.id + Math.floor(i / 3);
    store.put({ ...last, id: last.id + i, parent, edit: `Edit ${i}` });
  }
  await new Promise((done) => { store.transaction.oncomplete = done; });
  database.close();
  return JSON.stringify({ ...last, state: null }).length + last.state.byteLength;
}"""
