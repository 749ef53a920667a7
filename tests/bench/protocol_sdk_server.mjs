// The official TypeScript SDK's stdio server with tools as ours publishes them: its low-level Server,
// which is the quicker of its two. Run where node_modules holds @modelcontextprotocol/sdk.
//
//   node protocol_sdk_server.mjs FILE-WITH-A-TOOLS-LIST-RESULT
import {readFileSync} from 'node:fs';
import {Server} from '@modelcontextprotocol/sdk/server/index.js';
import {StdioServerTransport} from '@modelcontextprotocol/sdk/server/stdio.js';
import {ListToolsRequestSchema} from '@modelcontextprotocol/sdk/types.js';

const {tools} = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const server = new Server({name: 'sdk', version: '1.0.0'}, {capabilities: {tools: {}}});
server.setRequestHandler(ListToolsRequestSchema, () => ({tools}));
await server.connect(new StdioServerTransport());
