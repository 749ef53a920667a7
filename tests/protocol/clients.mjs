// The official clients as acceptance: each lists the tools, calls some, sees an image, cancels.
//
//   node clients.mjs fixture SERVER     against the fixture server
//   node clients.mjs sandbox SERVER     against the real one: creates a sandbox, runs R, sees a plot
import assert from 'node:assert/strict';
import {Client as ClientV2} from '@modelcontextprotocol/client';
import {StdioClientTransport as TransportV2} from '@modelcontextprotocol/client/stdio';
import {Client as ClientV1} from '@modelcontextprotocol/sdk/client/index.js';
import {StdioClientTransport as TransportV1} from '@modelcontextprotocol/sdk/client/stdio.js';

const [mode, command, ...args] = process.argv.slice(2);
const me = {name: 'omcp-acceptance', version: '1.0.0'};
const textOf = (result) => result.content.filter((item) => item.type === 'text').map((item) => item.text).join('\n');
const imagesOf = (result) => result.content.filter((item) => item.type === 'image');

// One way to call, whichever the client.
class V1 {
  static name_ = 'sdk 1.32';
  client = new ClientV1(me);
  transport = new TransportV1({command, args, env: process.env, stderr: 'ignore'});
  connect() {
    return this.client.connect(this.transport);
  }
  call(name, args_, options) {
    return this.client.callTool({name, arguments: args_}, undefined, {timeout: 60000, ...options});
  }
}
const v2 = (label, negotiation) => class {
  static name_ = `client 2.4, ${label}`;
  client = new ClientV2(me, {versionNegotiation: {mode: negotiation}});
  transport = new TransportV2({command, args, env: process.env, stderr: 'ignore'});
  connect() {
    return this.client.connect(this.transport);
  }
  call(name, args_, options) {
    return this.client.callTool({name, arguments: args_}, {timeout: 60000, ...options});
  }
};

async function cancelled(who, name, args_, after) {
  const controller = new AbortController();
  const call = who.call(name, args_, {signal: controller.signal});
  setTimeout(() => controller.abort('no longer wanted'), after);
  await assert.rejects(call);
}

async function withFixture(who) {
  const {tools} = await who.client.listTools();
  assert.ok(tools.some((tool) => tool.name === 'echo'));
  const echo = await who.call('echo', {text: 'héllo\u2028'});
  assert.equal(textOf(echo), 'héllo\u2028');
  assert.deepEqual(echo.structuredContent, {text: 'héllo\u2028'});
  assert.equal(imagesOf(await who.call('test_image_content', {}))[0].mimeType, 'image/png');
  assert.equal((await who.call('test_error_handling', {})).isError, true);
  await assert.rejects(who.call('no_such_tool', {}));
  const progress = [];
  await who.call('test_tool_with_progress', {}, {onprogress: ({progress: value}) => progress.push(value)});
  assert.deepEqual(progress, [0, 50, 100]);
  await cancelled(who, 'sleep', {ms: 60000}, 200);
  assert.equal((await who.client.readResource({uri: 'test://static-text'})).contents.length, 1);
}

async function withSandbox(who) {
  const {tools} = await who.client.listTools();
  assert.deepEqual(tools.map((tool) => tool.name).sort(),
    ['create_sandbox', 'execute_r_code', 'list_sandboxes', 'remove_sandbox']);
  const created = await who.call('create_sandbox', {});
  assert.ok(!created.isError, textOf(created));
  const {sandbox_id} = created.structuredContent;
  try {
    const sum = await who.call('execute_r_code', {sandbox_id, code: 'x <- 20 + 22\nx'});
    assert.match(textOf(sum), /\[1\] 42/);
    const plot = await who.call('execute_r_code', {sandbox_id, code: 'plot(1:10)'});
    assert.equal(imagesOf(plot)[0]?.mimeType, 'image/png', textOf(plot));
    const wrong = await who.call('execute_r_code', {sandbox_id, code: 'stop("on purpose")'});
    assert.equal(wrong.isError, true);
    await cancelled(who, 'execute_r_code', {sandbox_id, code: 'Sys.sleep(50)', timeout: 55}, 1000);
    for (let attempt = 0; ; ++attempt) {
      const after = await who.call('execute_r_code', {sandbox_id, code: 'x + 1'});
      if (/\[1\] 43/.test(textOf(after))) break;
      assert.ok(attempt < 20, textOf(after));
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  } finally {
    await who.call('remove_sandbox', {sandbox_id, force: true});
  }
}

let failed = 0;
const kClients = [V1, v2('legacy', 'legacy'), v2('auto', 'auto'), v2('pinned', {pin: '2026-07-28'})];
for (const Kind of kClients) {
  const who = new Kind();
  try {
    await who.connect();
    await (mode === 'sandbox' ? withSandbox(who) : withFixture(who));
    console.log(`ok ${Kind.name_}: ${mode}`);
  } catch (error) {
    failed = 1;
    console.log(`FAILED ${Kind.name_}: ${mode}: ${error.stack}`);
  }
  await who.client.close().catch(() => {});
}
process.exit(failed);
