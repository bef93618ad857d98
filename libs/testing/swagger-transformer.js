const swagger = require('@nestjs/swagger/plugin');
const nestCli = require('../../nest-cli.json');

/** Gives ts-jest the Swagger plugin with the options of the build: without it every DTO documents itself as {}. */
module.exports = {
  name: 'swagger-plugin',
  version: JSON.stringify(nestCli.compilerOptions.plugins),
  factory: ({ program }) => swagger.before(nestCli.compilerOptions.plugins[0].options, program),
};
