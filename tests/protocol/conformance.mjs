// The official conformance suite against a stdio server, behind a transparent bridge to HTTP.
//
//   node conformance.mjs SERVER EXPECTED-FAILURES.yml
import {spawn} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {parse} from 'yaml';

const [server, expectedFailures] = process.argv.slice(2);
const expected = parse(readFileSync(expectedFailures, 'utf8'));
const scratch = mkdtempSync(join(tmpdir(), 'conformance-'));
const bin = (...path) => join(process.cwd(), 'node_modules', ...path);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const {port} = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function run(args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {stdio: ['ignore', 'pipe', 'pipe']});
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    const limit = setTimeout(() => child.kill('SIGKILL'), 120000);
    child.on('exit', (code) => (clearTimeout(limit), resolve({code, output})));
  });
}

async function answers(url) {
  for (let i = 0; i < 100; ++i) {
    const up = await fetch(url, {method: 'GET'}).then(() => true, () => false);
    if (up) return;
    await pause(100);
  }
  throw new Error('the bridge did not start');
}

const port = await freePort();
const url = `http://localhost:${port}/mcp`;
const bridge = spawn(process.execPath, [bin('supergateway', 'dist', 'index.js'), '--stdio', server,
  '--outputTransport', 'streamableHttp', '--stateful', '--port', String(port), '--logLevel', 'none'],
  {stdio: ['pipe', 'ignore', 'inherit']});
let failed = 0;
try {
  await answers(url);
  for (const revision of ['2025-06-18', '2025-11-25', '2026-07-28']) {
    const baseline = join(scratch, `${revision}.yml`);
    const known = [...expected.all, ...expected[revision].flat()];
    writeFileSync(baseline, `server:\n${known.map((name) => `  - ${name}\n`).join('')}`);
    const what = revision === '2026-07-28' ? ['--requirements', revision]
                                           : ['--spec-version', revision, '--suite', 'all'];
    const {code, output} = await run([bin('@modelcontextprotocol', 'conformance', 'dist', 'index.js'),
      'server', '--url', url, ...what, '--expected-failures', baseline]);
    console.log(`--- conformance ${revision}: exit code ${code}`);
    console.log(output.slice(output.indexOf('=== SUMMARY')));
    failed ||= code;
  }
} finally {
  bridge.kill('SIGTERM');
  rmSync(scratch, {recursive: true});
}
process.exit(failed ? 1 : 0);
