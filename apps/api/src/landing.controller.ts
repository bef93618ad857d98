import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from '@app/access';

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>nestjs-pg-typeorm-starter</title>
<style>body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }</style>
<h1>It runs.</h1>
<ul>
  <li><a href="/docs">Documentation</a>, to read and to try out; <a href="/docs-json">the same for programs</a></li>
  <li><a href="/api/v1/books">Books</a>, <a href="/api/v1/critics">critics</a> and <a href="/api/v1/reviews">reviews</a></li>
  <li>Is it <a href="/health/live">alive</a>? Is it <a href="/health/ready">ready</a>?</li>
</ul>
</html>
`;

/** The page at `/`, which links everything that runs. */
@Public()
@ApiExcludeController()
@Controller()
export class LandingController {
  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  page(): string {
    return PAGE;
  }
}
