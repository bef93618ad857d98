const { registerHooks } = require('node:module');
const { join } = require('node:path');

// Jest maps module names inside tests only, and this runs before them.
registerHooks({
  resolve: (specifier, context, next) => {
    const [, room] = /^@app\/([^/]+)$/.exec(specifier) ?? [];
    return next(room ? join(__dirname, '..', room, 'src', 'index.ts') : specifier, context);
  },
});

module.exports = require('./src/global-setup').default;
