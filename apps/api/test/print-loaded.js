// Loaded first into a process of a test: when that ends, it prints which packages it had loaded.
process.on('exit', () => {
  const packages = Object.keys(require.cache).map((path) => /node_modules\/((@[^/]+\/)?[^/]+)/.exec(path)?.[1]);
  process.stdout.write(`Loaded: ${[...new Set(packages)].join(' ')}\n`);
});
