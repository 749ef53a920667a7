// Takes the fixture server through every revision, and validates every line that it writes against
// the published schema of the revision in force: methods, errors, progress, cancellation, images,
// links, batches, logs, requests to the client. Also: no field that the revision does not know.
//
//   node validate.mjs SERVER [SCHEMA-DIRECTORY]
import {readFileSync} from 'node:fs';
import Ajv from 'ajv';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import {Server} from './server.mjs';

const [binary, schemaDirectory = 'schema'] = process.argv.slice(2);
const failures = [];
let linesValidated = 0;

class Schema {
  constructor(revision) {
    this.revision = revision;
    this.modern = revision >= '2026';
    this.document = JSON.parse(readFileSync(`${schemaDirectory}/${revision}.json`, 'utf8'));
    this.section = this.document.definitions ? 'definitions' : '$defs';
    const Validator = this.section === '$defs' ? Ajv2020.default ?? Ajv2020 : Ajv.default ?? Ajv;
    this.ajv = new Validator({strict: false, allErrors: true});
    (addFormats.default ?? addFormats)(this.ajv);
    this.ajv.addFormat('byte', /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);
    this.ajv.addSchema(this.document, 'mcp');
  }
  has(name) {
    return name in this.document[this.section];
  }
  check(name, value, what) {
    const validate = this.ajv.getSchema(`mcp#/${this.section}/${name}`);
    if (!validate(value)) {
      const why = this.ajv.errorsText(validate.errors).slice(0, 400);
      failures.push(`${this.revision}: ${what} is no ${name}: ${why}\n    ${JSON.stringify(value).slice(0, 300)}`);
    }
  }
  known(name, value, what) {
    const properties = this.document[this.section][name]?.properties ?? {};
    const unknown = Object.keys(value).filter((key) => !(key in properties));
    if (unknown.length) failures.push(`${this.revision}: ${what}: ${name} has no ${unknown}`);
  }
}

const kResults = {
  initialize: 'InitializeResult', ping: 'EmptyResult', 'server/discover': 'DiscoverResult',
  'tools/list': 'ListToolsResult', 'tools/call': 'CallToolResult',
  'resources/list': 'ListResourcesResult', 'resources/templates/list': 'ListResourceTemplatesResult',
  'resources/read': 'ReadResourceResult', 'subscriptions/listen': 'SubscriptionsListenResult',
  'logging/setLevel': 'EmptyResult',
};
const kNotifications = {
  'notifications/progress': 'ProgressNotification',
  'notifications/message': 'LoggingMessageNotification',
  'notifications/subscriptions/acknowledged': 'SubscriptionsAcknowledgedNotification',
};
// What the server may ask of a client, and what ours answers.
const kClientRequests = {'sampling/createMessage': 'CreateMessageRequest', 'elicitation/create': 'ElicitRequest'};
const kClientAnswers = {
  'sampling/createMessage': {model: 'v', role: 'assistant', content: {type: 'text', text: 'yes'}},
  'elicitation/create': {action: 'accept', content: {}},
};
const kContents = {
  text: 'TextContent', image: 'ImageContent', audio: 'AudioContent',
  resource_link: 'ResourceLink', resource: 'EmbeddedResource',
};

// Known, and on purpose: the schemas before 2025-11-25 have no error without an id, but a client that
// sends an empty batch has to be told (PROTOCOL notes, 3.2).
const isEmptyBatchError = (schema, message) =>
  schema.revision === '2025-03-26' && message.error?.message?.includes('empty batch');

function checkResult(schema, method, result) {
  const type = kResults[method];
  schema.check(schema.has(type) ? type : 'Result', result, `result of ${method}`);
  if (method === 'tools/call') {
    schema.known('CallToolResult', result, method);
    for (const item of result.content) {
      const name = kContents[item.type];
      if (!schema.has(name)) failures.push(`${schema.revision}: content ${item.type} is unknown`);
      else schema.check(name, item, `content ${item.type}`), schema.known(name, item, 'content');
    }
  }
  for (const tool of result.tools ?? []) {
    schema.known('Tool', tool, `tool ${tool.name}`);
    if (tool.annotations) schema.known('ToolAnnotations', tool.annotations, `tool ${tool.name}`);
  }
  if (result.serverInfo) schema.known('Implementation', result.serverInfo, 'serverInfo');
  if (method === 'initialize') schema.known('InitializeResult', result, method);
}

function checkMessage(schema, message, methods) {
  if (isEmptyBatchError(schema, message)) return;
  if (Array.isArray(message)) {
    if (schema.has('JSONRPCBatchResponse')) schema.check('JSONRPCBatchResponse', message, 'batch');
    else failures.push(`${schema.revision}: a batch was written`);
    message.forEach((member) => checkMessage(schema, member, methods));
    return;
  }
  schema.check('JSONRPCMessage', message, 'line');
  if (message.method && 'id' in message) {
    const type = kClientRequests[message.method];
    if (schema.modern || !schema.has(type)) failures.push(`${schema.revision}: ${message.method} was written`);
    else schema.check(type, message, message.method);
  } else if (message.method) {
    const type = kNotifications[message.method];
    if (!type) failures.push(`${schema.revision}: ${message.method} was written`);
    schema.check(schema.has(type) ? type : 'JSONRPCNotification', message, message.method);
  }
  if (message.result) checkResult(schema, methods.get(JSON.stringify(message.id)), message.result);
}

const kCalls = [
  ['echo', {text: 'a\u2028b\u0085c\u007f\u0000 é 😀'}], ['echo', {}], ['link'], ['fail'],
  ['big', {bytes: 2000000}], ['test_simple_text'], ['test_image_content'], ['test_audio_content'],
  ['test_embedded_resource'], ['test_multiple_content_types'], ['test_error_handling'],
  ['test_tool_with_progress'], ['no_such_tool'], ['test_missing_capability'],
  ['test_tool_with_logging'], ['test_sampling'], ['test_elicitation'],
  ['test_elicitation_sep1034_defaults'],
];

function envelope(schema, params = {}) {
  if (!schema.modern) return params;
  return {...params, _meta: {...params._meta,
    'io.modelcontextprotocol/protocolVersion': schema.revision,
    'io.modelcontextprotocol/logLevel': 'debug',
    'io.modelcontextprotocol/clientCapabilities': {}}};
}

// What is asked of the server, as [method, params].
function requests(schema) {
  const list = [['ping'], ['tools/list'], ['tools/list', {cursor: 'x'}], ['prompts/list'],
    ['server/discover'], ['resources/list'], ['resources/templates/list'], ['resources/subscribe'],
    ['resources/read', {uri: 'test://static-text'}], ['resources/read', {uri: 'test://static-binary'}],
    ['resources/read', {uri: 'test://template/7/data'}], ['resources/read', {uri: 'test://none'}],
    ['resources/read', {}], ['tools/call', {}], ['tools/call', {name: 'echo', arguments: 1}],
    ['logging/setLevel', {level: 'info'}], ['completion/complete']];
  for (const [name, args] of kCalls) {
    list.push(['tools/call', {name, arguments: args ?? {}}]);
    list.push(['tools/call', {name, arguments: args ?? {}, _meta: {progressToken: list.length}}]);
  }
  list.push(['tools/call', {name: 'test_tool_with_progress', _meta: {progressToken: 'string'}}]);
  return list.map(([method, params]) => [method, envelope(schema, params)]);
}

const kMalformed = ['x', '1', '{}', '[]', '{"jsonrpc":"1.0","id":"m1","method":"ping"}',
  '{"jsonrpc":"2.0","id":null,"method":"ping"}', '{"jsonrpc":"2.0","id":"m2"}',
  '{"jsonrpc":"2.0","id":"m3","method":"ping","params":[]}', '[1]', '"\xff"',
  '{"jsonrpc":"2.0","method":"notifications/cancelled"}', '['.repeat(5000)];

// A validator that accepts everything would prove nothing.
function checkTheChecker(schema) {
  const before = failures.length;
  schema.check('CallToolResult', {resultType: 'complete', content: [{type: 'text'}]}, 'a wrong result');
  schema.known('CallToolResult', {content: [], unheardOf: 1}, 'a wrong result');
  const found = failures.splice(before).length;
  if (found !== 2) failures.push(`${schema.revision}: the checker let a wrong result pass`);
}

async function drive(revision) {
  const schema = new Schema(revision);
  checkTheChecker(schema);
  const server = new Server(binary);
  const methods = new Map();
  const open = new Set();
  let count = 0;
  const ask = (method, params, id = count++ % 2 ? `s${count}` : count) => {
    methods.set(JSON.stringify(id), method);
    open.add(JSON.stringify(id));
    return {jsonrpc: '2.0', id, method, params};
  };
  if (!schema.modern) {
    const capabilities = {sampling: {}, ...(schema.has('ElicitRequest') && {elicitation: {}})};
    const hello = ask('initialize', {protocolVersion: revision, capabilities, clientInfo: {name: 'v', version: '1'}});
    server.say(hello);
    const answer = await server.until((message) => message.id === hello.id);
    if (answer?.result?.protocolVersion !== revision) failures.push(`${revision}: was not negotiated`);
    server.say({jsonrpc: '2.0', method: 'notifications/initialized'});
  } else {
    server.say(ask('subscriptions/listen', envelope(schema, {notifications: {toolsListChanged: true}}), 'listen'));
    open.delete('"listen"');
  }
  kMalformed.forEach((line) => server.sayLine(line));
  for (const [method, params] of requests(schema)) server.say(ask(method, params));
  if (revision === '2025-03-26') {
    server.say([ask('ping'), ask('tools/call', {name: 'test_image_content'}), ask('no/method'),
      ask('tools/call', {name: 'sleep', arguments: {ms: 50}}), {jsonrpc: '2.0', method: 'notifications/x'}]);
  }
  const cancelled = ask('tools/call', envelope(schema, {name: 'sleep', arguments: {ms: 60000}}), 'cancelled');
  server.say(cancelled);
  server.say({jsonrpc: '2.0', method: 'notifications/cancelled', params: {requestId: 'cancelled'}});
  open.delete('"cancelled"');
  const asked = new Set();
  const settle = (message) => {
    if (Array.isArray(message)) message.forEach(settle);
    else if (message.method && message.id !== undefined) {
      asked.add(message.method);
      server.say({jsonrpc: '2.0', id: message.id, result: kClientAnswers[message.method] ?? {}});
    } else if (message.id !== undefined) open.delete(JSON.stringify(message.id));
    return open.size === 0;
  };
  await server.until(settle);
  if (open.size) failures.push(`${revision}: no answer to ${[...open].map((id) => methods.get(id))}`);
  for (const [method, type] of Object.entries(kClientRequests)) {
    const due = !schema.modern && schema.has(type);
    if (asked.has(method) !== due) failures.push(`${revision}: ${method} was asked: ${!due}`);
  }
  if (!server.messages.some((message) => message.method === 'notifications/message')) {
    failures.push(`${revision}: no log message`);
  }
  const code = await server.end();
  if (code !== 0) failures.push(`${revision}: exit code ${code}`);
  for (const message of server.messages) {
    checkMessage(schema, message, methods);
    if (message.id === 'cancelled') failures.push(`${revision}: a cancelled call was answered`);
  }
  if (schema.modern && !server.messages.some((message) => message.id === 'listen' && message.result)) {
    failures.push(`${revision}: the subscription did not end with its result`);
  }
  linesValidated += server.messages.length;
  console.log(`${revision}: ${server.messages.length} lines`);
}

for (const revision of ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28']) {
  await drive(revision);
}
failures.forEach((failure) => console.log(`FAILED ${failure}`));
console.log(`${linesValidated} lines validated, ${failures.length} failures`);
process.exit(failures.length ? 1 : 0);
