#!/usr/bin/env node
// What a host starts of the bundle. On Linux the server in the bundle runs as it is. Elsewhere, and on
// processors that it was not built for, its image runs in the engine that is there, and starts its
// sandboxes beside itself.
'use strict';

const childProcess = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

// Inside the engine's own machine, whatever address the client uses.
const SOCKET = '/var/run/docker.sock';
const ENGINE_PATIENCE_MS = 5000;  // hosts give up on a start after 10 s

/// The settings of the environment that were given. A host leaves "${user_config.x}" as it stands
/// where nothing was answered.
function givenSettings(names, env) {
  const given = {};
  for (const name of names) {
    const value = env[name];
    if (value !== undefined && value !== '' && !value.includes('${user_config')) given[name] = value;
  }
  return given;
}

/// The environment for a child: what was not answered must not look like an answer.
function withSettings(names, env) {
  const clean = {...env};
  for (const name of names) delete clean[name];
  return {...clean, ...givenSettings(names, env)};
}

/// Where docker may be. Programs with windows see no PATH worth the name.
function dockerPlaces(platform, env, home) {
  const {join} = platform === 'win32' ? path.win32 : path.posix;
  const listed = env.PATH || env.Path || '';
  if (platform === 'win32') {
    // Perhaps in quotes, and never the folder that this was started in.
    const folders = listed.replace(/"/g, '').split(';').filter((folder) => path.win32.isAbsolute(folder));
    for (const root of [env.ProgramFiles, env.ProgramW6432, 'C:\\Program Files']) {
      if (root) folders.push(join(root, 'Docker', 'Docker', 'resources', 'bin'));
    }
    if (home) folders.push(join(home, '.rd', 'bin'));
    return folders.map((folder) => join(folder, 'docker.exe'));
  }
  const folders = listed.split(':');
  folders.push('/usr/local/bin', '/usr/bin', '/opt/homebrew/bin', '/snap/bin');
  if (platform === 'darwin') folders.push('/Applications/Docker.app/Contents/Resources/bin');
  if (home) folders.push(...['.docker', '.orbstack', '.rd'].map((folder) => join(home, folder, 'bin')));
  return folders.filter((folder) => folder.startsWith('/')).map((folder) => join(folder, 'docker'));
}

function isProgram(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

/// The path of a folder of this machine inside the engine's: the same, but on Windows, where Docker
/// Desktop shows its drives below /run/desktop/mnt/host.
function enginePath(platform, folder) {
  const drive = /^([A-Za-z]):[\\/]/.exec(folder);
  if (platform !== 'win32' || !drive) return folder;
  return `/run/desktop/mnt/host/${drive[1].toLowerCase()}/${folder.slice(3).replace(/\\/g, '/')}`;
}

/// A folder of the settings with no links in it, which the server in its container could not see;
/// undefined where there is none.
function realFolder(folder, home) {
  const full = home && /^~(?=[\\/]|$)/.test(folder) ? home + folder.slice(1) : folder;
  try {
    const real = fs.realpathSync.native(full);
    return path.isAbsolute(full) && fs.statSync(real).isDirectory() ? real : undefined;
  } catch {
    return undefined;
  }
}

/// A value of --mount is a line of CSV: a comma in a path is no end of it.
function mount(source, target, readonly) {
  const fields = ['type=bind', `source=${source}`, `target=${target}`, ...(readonly ? ['readonly'] : [])];
  return fields.map((field) => (/[",]/.test(field) ? `"${field.replace(/"/g, '""')}"` : field)).join(',');
}

/// The socket as the engine's machine knows it: on Linux that is this machine.
function socketOf(platform, settings) {
  const address = settings.DOCKER_HOST || '';
  return platform === 'linux' && address.startsWith('unix://') ? address.slice('unix://'.length) : SOCKET;
}

/// The arguments of docker that run the server: locked down, with the engine's socket and `folders`, by
/// the settings that name them, and nothing else of this machine. The server has to know the person's
/// home to refuse to share it.
function runArguments({platform, settings, folders, home, image, group}) {
  const args = ['run', '-i', '--rm', '--init', '--pull', 'never', '--network', 'none',
                '--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges',
                '--pids-limit', '256', '--memory', '512m',
                '--tmpfs', '/tmp:mode=1777,size=64m', '--group-add', group,
                '--mount', mount(socketOf(platform, settings), SOCKET, false),
                '--mount', 'type=volume,source=omcp-r-state,target=/var/lib/omcp-r-sandbox'];
  const inside = {...settings};
  delete inside.DOCKER_HOST;  // the image's own names the socket
  const mounted = new Set();
  for (const [name, folder] of Object.entries(folders)) {
    inside[name] = enginePath(platform, folder);
    // docker refuses to mount one folder twice; the server says what is wrong with it.
    if (!mounted.has(inside[name])) args.push('--mount', mount(folder, inside[name], name !== 'OUTPUT_DIR'));
    mounted.add(inside[name]);
  }
  if (home) inside.HOME = enginePath(platform, home);
  for (const [name, value] of Object.entries(inside)) args.push('-e', `${name}=${value}`);
  return [...args, image];
}

/// The server in the bundle, where it runs on this machine; null where it does not.
function nativeServer(platform, arch, folder) {
  const server = path.join(folder, 'omcp-r-sandbox');
  if (platform !== 'linux' || arch !== 'x64' || !fs.existsSync(server)) return null;
  if (!isProgram(server)) fs.chmodSync(server, 0o755);  // lost by some programs that unpack
  return server;
}

/// Runs a program until it ends, on our own standard input and output; its exit code.
function become(program, args, env) {
  return new Promise((resolve) => {
    const child = childProcess.spawn(program, args, {env, stdio: 'inherit', windowsHide: true});
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    const pass = (signal) => child.kill(signal);
    const done = (code) => {
      for (const signal of signals) process.off(signal, pass);
      resolve(code);
    };
    for (const signal of signals) process.on(signal, pass);
    child.on('error', (error) => {
      say(`cannot start ${program}: ${error.message}`);
      done(1);
    });
    child.on('exit', (code, signal) => done(code === null ? 128 + (os.constants.signals[signal] || 0) : code));
  });
}

/// Hosts show stderr in their logs.
function say(message) {
  process.stderr.write(`omcp-r-sandbox: ${message}\n`);
}

function ask(docker, args, env, timeout = 4000) {
  return childProcess.spawnSync(docker, args, {env, encoding: 'utf8', timeout, killSignal: 'SIGKILL', windowsHide: true});
}

/// What docker itself said, in one line, behind what we say.
function because({stderr, error}) {
  const said = error && error.code === 'ETIMEDOUT' ? 'it gave no answer in time' : (stderr || '').trim().split('\n')[0];
  return said ? ` (docker: ${said})` : '';
}

/// The engine's answer, perhaps after a moment: it may be starting together with the host.
async function engineAnswer(docker, env, patience) {
  const end = Date.now() + patience;
  for (;;) {
    const answer = ask(docker, ['version', '--format', '{{.Server.Version}}'], env);
    if (answer.status === 0 || Date.now() >= end) return answer;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/// The group that may use the socket, as a container sees it. Docker Desktop's is 0.
function socketGroup(docker, env, image, socket) {
  const args = ['run', '--rm', '--pull', 'never', '--network', 'none', '--cap-drop', 'ALL',
                '--mount', mount(socket, '/s', true), '--entrypoint', 'stat', image, '-c', '%g', '/s'];
  const answer = ask(docker, args, env, 10000);
  if (answer.status === 0 && /^\d+\s*$/.test(answer.stdout)) return answer.stdout.trim();
  say(`the group of the engine's socket could not be found: taking 0, as Docker Desktop has it${because(answer)}`);
  return '0';
}

/// The engine's address where a context of docker says it.
function contextHost(docker, env) {
  const answer = ask(docker, ['context', 'inspect', '--format', '{{.Endpoints.docker.Host}}'], env);
  return answer.status === 0 ? answer.stdout.trim() : '';
}

async function serveInContainer({platform, env, home, settings, image, patience}) {
  const docker = dockerPlaces(platform, env, home).find(isProgram);
  if (!docker) {
    say('docker was not found. Install Docker Desktop (https://docs.docker.com/get-docker/) and start it.');
    return 1;
  }
  const engine = await engineAnswer(docker, env, patience);
  if (engine.status !== 0) {
    say(`the engine does not answer. Start Docker Desktop, then this server again (asked by: ${docker} version).${because(engine)}`);
    return 1;
  }
  if (image.startsWith('-')) {
    say(`"${image}" is no name of an image: correct the setting "Image of the server".`);
    return 1;
  }
  const found = ask(docker, ['image', 'inspect', '--format', '{{.Id}}', image], env);
  if (found.status !== 0) {
    say(`the server's image is not here yet. Run once in a terminal: docker pull ${image}${because(found)}`);
    return 1;
  }
  const folders = {};
  for (const name of ['DATA_DIR', 'R_LIBRARY', 'OUTPUT_DIR']) {
    const folder = settings[name] && realFolder(settings[name], home);
    if (folder) folders[name] = folder;  // of any other the server itself says what is wrong with it
  }
  const here = platform === 'linux' ? {...settings, DOCKER_HOST: settings.DOCKER_HOST || contextHost(docker, env)} : settings;
  const group = socketGroup(docker, env, image, socketOf(platform, here));
  return become(docker, runArguments({platform, settings: here, folders, home: realFolder(home, ''), image, group}), env);
}

/// "" of a user that the system does not know.
function homeFolder() {
  try {
    return os.homedir();
  } catch {
    return '';
  }
}

async function main({platform = process.platform, arch = process.arch, env = process.env, folder = __dirname,
                     home = homeFolder(), patience = ENGINE_PATIENCE_MS} = {}) {
  const manifest = JSON.parse(fs.readFileSync(path.join(folder, '..', 'manifest.json'), 'utf8'));
  const names = Object.keys(manifest.server.mcp_config.env);
  const {OMCP_SERVER_IMAGE: chosen, ...settings} = givenSettings(names, env);
  const clean = withSettings(names, env);
  delete clean.OMCP_SERVER_IMAGE;
  const server = nativeServer(platform, arch, folder);
  if (server) return become(server, [], clean);
  const image = chosen || manifest.user_config.server_image.default;
  return serveInContainer({platform, env: clean, home, settings, image, patience});
}

module.exports = {dockerPlaces, enginePath, givenSettings, main, mount, nativeServer, runArguments, withSettings};

if (require.main === module) {
  main().catch((error) => say(`cannot start: ${error.message}`) || 1).then((code) => process.exit(code));
}
