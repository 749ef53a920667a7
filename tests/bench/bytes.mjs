// How many bytes of each kind of result a model sees through the real Claude Code. See bytes.sh.
//
//   node bytes.mjs --claude PROGRAM --server PROGRAM --image IMAGE --scope SCOPE --home FOLDER [--json FILE]
//
// A stand-in of the model's API on 127.0.0.1 answers Claude Code with one call of a tool after the other;
// what Claude Code then sends as that call's tool_result is what a model would see, and is measured.
import {spawn, spawnSync} from 'node:child_process';
import {mkdirSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {join} from 'node:path';
import {parseArgs} from 'node:util';

const {values: given} = parseArgs({
  options: Object.fromEntries(
    ['claude', 'server', 'image', 'scope', 'home', 'json'].map((name) => [name, {type: 'string'}])),
});
const PROMPT = 'Measure what each kind of result costs.';
const LIMIT_MS = 300000;
const bytes = (...texts) => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
const lines = (text) => text.split('\n').filter((line) => line.trim() !== '').length;

// --- what is called, and what must hold ---------------------------------------------------------

const upTo = (most) => (seen) => ({most, unit: 'bytes', ok: bytes(...seen.texts) <= most});
// Without what Rscript adds for running a script: the calls, and that it has stopped.
const messageOf = (print) => print.split('\n')
  .filter((line) => line !== '' && line !== 'Execution halted' && !line.startsWith('Calls: ')).join('\n');

// shows: without it, a short result proves nothing. print: whether R's own print is taken as well.
const r = (kind, code, shows, bound) => ({kind, tool: 'execute_r_code', input: {code}, shows, bound, print: true});
const other = (kind, tool, input, shows) => ({kind, tool, input, shows});
const KINDS = [
  r('first call (names the sandbox)', '1 + 1', /^\[1\] 2$/m),
  r('1 + 1', '1 + 1', /^\[1\] 2$/m, upTo(19)),
  r('head(mtcars)', 'head(mtcars)', /^Valiant .*/m, (seen, print) => upTo(bytes(print) + 20)(seen)),
  r('an error', 'f <- function(x) stop("the column \'age\' has no values")\nf(1)', /the column 'age' has no values/,
    (seen, print) => upTo(2 * bytes(messageOf(print)))(seen)),
  r('a warning', 'x <- as.integer(c("1", "b"))', /NAs introduced by coercion/),
  r('a plot', 'plot(mtcars$wt, mtcars$mpg)', /^/,
    (seen) => ({most: 1, unit: 'image', ok: seen.images.length === 1})),
  r('15 new files', 'for (i in 1:15) writeLines("x", sprintf("file%02d.txt", i))', /file01\.txt/,
    (seen) => ({most: 11, unit: 'lines', ok: lines(seen.text) <= 11 && /\b15\b|\b\d+ more\b/.test(seen.text)})),
  r('1,000 rows printed', 'data.frame(id = 1:1000, value = (1:1000) / 7, group = "control")',
    /^1 +1 +0\.14[^]*^1000 +1000 /m),
  r('library(tidyverse)', 'library(tidyverse)', /tidyverse/),
  other('create_sandbox', 'create_sandbox', {}, /[0-9a-f]{8}-[0-9a-f-]{27}/),
  other('list_sandboxes (of two)', 'list_sandboxes', {}, /[0-9a-f]{8}-[0-9a-f-]{27}/),
];

// --- the stand-in of the model's API ------------------------------------------------------------

const seen = [];  // by call, as resultOf() gives it
let claudeVersion = '';
let searched = false;
let answers = 0;

function resultOf(block) {
  const content = typeof block.content === 'string' ? [{type: 'text', text: block.content}] : block.content ?? [];
  const texts = content.filter((item) => item.type === 'text').map((item) => item.text);
  return {
    texts,
    text: texts.join('\n'),
    images: content.filter((item) => item.type === 'image').map((item) => item.source.media_type),
    others: content.filter((item) => !['text', 'image'].includes(item.type)).map((item) => item.type),
    isError: block.is_error === true,
  };
}

// The conversation that is measured, not what Claude Code asks on the side (such as for a title).
const isMain = ({messages, tools}) => tools?.length > 0 && JSON.stringify(messages).includes(PROMPT);

function nextBlock(request) {
  if (!isMain(request)) return {type: 'text', text: 'Measuring'};
  for (const {content} of request.messages) {
    for (const block of Array.isArray(content) ? content : []) {
      const index = block.type === 'tool_result' ? Number(/^toolu_bytes_(\d+)$/.exec(block.tool_use_id)?.[1] ?? -1) : -1;
      if (index >= 0) seen[index] ??= resultOf(block);
    }
  }
  // As a model does where the tools of servers are named only: it asks for their definitions first.
  if (!searched && request.tools.some(({name}) => name === 'ToolSearch')) {
    searched = true;
    const query = `select:${[...new Set(KINDS.map(({tool}) => `mcp__omcp__${tool}`))].join(',')}`;
    return {type: 'tool_use', id: 'toolu_search', name: 'ToolSearch', input: {query, max_results: 10}};
  }
  const next = seen.length;
  if (next >= KINDS.length) return {type: 'text', text: 'All is measured.'};
  const {tool, input} = KINDS[next];
  return {type: 'tool_use', id: `toolu_bytes_${next}`, name: `mcp__omcp__${tool}`, input};
}

function messageWith(block, request) {
  return {
    id: `msg_bytes_${++answers}`, type: 'message', role: 'assistant', model: request.model, content: [block],
    stop_reason: block.type === 'tool_use' ? 'tool_use' : 'end_turn', stop_sequence: null,
    usage: {input_tokens: 10, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 10},
  };
}

function stream(response, message) {
  const send = (type, data) => response.write(`event: ${type}\ndata: ${JSON.stringify({type, ...data})}\n\n`);
  const [block] = message.content;
  response.writeHead(200, {'content-type': 'text/event-stream', 'cache-control': 'no-cache'});
  send('message_start', {message: {...message, content: [], stop_reason: null}});
  const isCall = block.type === 'tool_use';
  send('content_block_start', {index: 0, content_block: isCall ? {...block, input: {}} : {type: 'text', text: ''}});
  send('content_block_delta', {index: 0, delta: isCall ?
    {type: 'input_json_delta', partial_json: JSON.stringify(block.input)} : {type: 'text_delta', text: block.text}});
  send('content_block_stop', {index: 0});
  send('message_delta', {delta: {stop_reason: message.stop_reason, stop_sequence: null}, usage: {output_tokens: 10}});
  send('message_stop', {});
  response.end();
}

const json = (response, status, body) =>
  response.writeHead(status, {'content-type': 'application/json'}).end(JSON.stringify(body));

const api = createServer((incoming, response) => {
  const chunks = [];
  incoming.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
    const path = new URL(incoming.url, 'http://localhost').pathname;
    if (incoming.method === 'POST' && path === '/v1/messages/count_tokens') {
      json(response, 200, {input_tokens: 10});
    } else if (incoming.method === 'POST' && path === '/v1/messages') {
      const request = JSON.parse(Buffer.concat(chunks));
      claudeVersion = /claude-cli\/([\w.-]+)/.exec(incoming.headers['user-agent'] ?? '')?.[1] ?? claudeVersion;
      const message = messageWith(nextBlock(request), request);
      if (request.stream) stream(response, message);
      else json(response, 200, message);
    } else if (incoming.method === 'HEAD' || path === '/') {
      json(response, 200, {});
    } else {
      json(response, 404, {type: 'error', error: {type: 'not_found_error', message: path}});
    }
  });
});

// --- Claude Code, and R by itself ---------------------------------------------------------------

// Of the caller's environment only what programs and the engine need.
function environment(port) {
  const kept = ['PATH', 'TMPDIR', 'LANG', 'DOCKER_HOST', 'DOCKER_CONTEXT', 'DOCKER_CONFIG', 'DOCKER_CERT_PATH',
    'DOCKER_TLS_VERIFY', 'OMCP_TEST_RUN'].filter((name) => process.env[name] !== undefined);
  return {
    ...Object.fromEntries(kept.map((name) => [name, process.env[name]])),
    HOME: given.home,
    CLAUDE_CONFIG_DIR: join(given.home, 'claude'),
    ANTHROPIC_BASE_URL: `http://127.0.0.1:${port}`,
    ANTHROPIC_API_KEY: 'none',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_TELEMETRY: '1',
    DISABLE_AUTOUPDATER: '1',
    DISABLE_ERROR_REPORTING: '1',
    NO_PROXY: '127.0.0.1',
  };
}

function alive(group) {
  try {
    process.kill(-group, 0);
    return true;
  } catch {
    return false;
  }
}

function signal(group, name) {
  try {
    process.kill(-group, name);
  } catch {
    // It has ended.
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function converse(port) {
  const work = join(given.home, 'work');
  mkdirSync(work);
  writeFileSync(join(given.home, 'settings.env'), '');
  const config = join(given.home, 'mcp.json');
  writeFileSync(config, JSON.stringify({
    mcpServers: {
      omcp: {
        type: 'stdio', command: given.server, args: ['--env-file', join(given.home, 'settings.env')],
        env: {DOCKER_IMAGE: given.image, SCOPE: given.scope, STATE_DIR: join(given.home, 'state')},
      },
    },
  }));
  // A process group of its own, the server in it, so that both can be ended.
  const claude = spawn(given.claude,
    ['-p', PROMPT, '--mcp-config', config, '--strict-mcp-config', '--allowedTools', 'mcp__omcp'],
    {cwd: work, env: environment(port), detached: true, stdio: ['ignore', 'pipe', 'pipe']});
  let said = '';
  for (const pipe of [claude.stdout, claude.stderr]) pipe.on('data', (chunk) => said += chunk);
  let stopped = false;
  const end = () => signal(claude.pid, 'SIGTERM');
  for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => (stopped = true) && end());
  const timer = setTimeout(end, LIMIT_MS);
  await new Promise((resolve, reject) => claude.on('close', resolve).on('error', reject));
  clearTimeout(timer);
  for (let turn = 0; turn < 100 && alive(claude.pid); ++turn) await pause(100);
  signal(claude.pid, 'SIGKILL');
  if (stopped) process.exit(130);
  return said;
}

// What Rscript prints of the code in the same image, stdout and then stderr.
function printOf(code) {
  const run = spawnSync('docker', ['run', '--rm', '-i', '--network', 'none', '--label', `omcp-r-bench=${given.scope}`,
    given.image, 'sh', '-c', 'cd /tmp && cat >code.R && Rscript code.R'], {input: code, encoding: 'utf8', timeout: 60000});
  if (run.signal && !run.error) process.exit(130);
  if (run.error || run.status > 1) throw new Error(`Rscript in ${given.image}: ${run.error ?? run.stderr}`);
  return run.stdout + run.stderr;
}

// --- the table ----------------------------------------------------------------------------------

function row({kind, input, print, shows, bound}, result) {
  if (!result) return {kind, failed: 'no result'};
  const own = print ? printOf(input.code) : null;
  const holds = bound?.(result, own ?? '');
  let failed = null;
  if (!shows.test(result.text)) failed = 'not the expected result';
  else if (holds && !holds.ok) failed = 'bound broken';
  return {
    kind, bytes: bytes(...result.texts), lines: lines(result.text), own: own === null ? null : bytes(own),
    images: result.images, other_blocks: result.others, is_error: result.isError,
    bound: holds ? `${holds.unit === 'image' ? '' : '<= '}${holds.most} ${holds.unit}` : null, failed,
    text: result.text,
  };
}

function counted(images) {
  return images.length === 0 ? '0' : `${images.length} ${[...new Set(images)].join(', ')}`;
}

function table(rows) {
  const cells = [['kind', 'bytes seen by the model', 'bytes of R\'s own print', 'images', 'bound', '']];
  for (const {kind, bytes: size, own, images, bound, failed} of rows) {
    cells.push([kind, `${size ?? '-'}`, `${own ?? '-'}`, counted(images ?? []), bound ?? '-', failed ?? (bound ? 'ok' : '')]);
  }
  const widths = cells[0].map((_, column) => Math.max(...cells.map((line) => line[column].length)));
  return cells.map((line) => line.map((cell, column) => column === 1 || column === 2 ?
    cell.padStart(widths[column]) : cell.padEnd(widths[column])).join(' | ').trimEnd()).join('\n');
}

await new Promise((resolve) => api.listen(0, '127.0.0.1', resolve));
const said = await converse(api.address().port);
api.closeAllConnections();
api.close();

const rows = KINDS.map((kind, index) => row(kind, seen[index]));
const how = [
  `Claude Code ${claudeVersion || '(unknown)'} with a stand-in of the model's API on 127.0.0.1; one conversation of ` +
    `${KINDS.length} calls; image ${given.image}.`,
  'Seen: bytes in UTF-8 of all text in the tool_result that Claude Code sends to the model for the call; images apart.',
  'What Claude Code adds to it counts as well: the paths of images, and a line for each link.',
  'R\'s own print: stdout and stderr of Rscript with the same code in a container of the same image.',
];
console.log(`${table(rows)}\n\n${how.join('\n')}`);
if (given.json) writeFileSync(given.json, `${JSON.stringify({how, claude: claudeVersion, rows}, null, 2)}\n`);
const failures = rows.filter(({failed}) => failed);
for (const {kind, failed, text} of failures) console.log(`FAILED: ${kind}: ${failed}${text === undefined ? '' : `\n${text}`}`);
if (seen.length < KINDS.length) console.log(`Claude Code said:\n${said}`);
process.exit(failures.length === 0 ? 0 : 1);
