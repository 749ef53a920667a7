// The launcher of the bundle, with a docker that only writes down how it was called.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import {createRequire} from 'node:module';
import os from 'node:os';
import path from 'node:path';
import {after, test} from 'node:test';

const bundle = process.env.OMCP_BUNDLE_FOLDER;
const folder = path.join(bundle, 'server');
const launch = createRequire(import.meta.url)(path.join(folder, 'launch.js'));
const manifest = JSON.parse(fs.readFileSync(path.join(bundle, 'manifest.json'), 'utf8'));
const image = manifest.user_config.server_image.default;

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'launch-'));
after(() => fs.rmSync(work, {recursive: true}));

/// A folder with a docker whose every call is one line of its log; it ends with `codes` by first word.
function fakeDocker(name, {codes = {}, group = '991', context = ''} = {}) {
  const bin = path.join(work, name);
  const log = path.join(work, `${name}.log`);
  fs.mkdirSync(bin);
  fs.writeFileSync(path.join(bin, 'docker'), `#!/bin/sh
{ printf '%s\\t' "$DOCKER_HOST" "$@"; echo; } >>'${log}'
case "$*" in *'--entrypoint stat'*) echo '${group}' ;; context*) echo '${context}' ;; esac
case $1 in ${Object.entries(codes).map(([word, code]) => `${word}) exit ${code} ;;`).join(' ')} esac
exit 0
`, {mode: 0o755});
  return {bin, calls: () => fs.readFileSync(log, 'utf8').split('\n').slice(0, -1).map((line) => {
    const [host, ...args] = line.split('\t').slice(0, -1);
    return {host, args};
  })};
}

/// main() as on a Mac whose PATH leads to the fake; what it said on stderr.
async function onMac(docker, env = {}, more = {}) {
  const said = [];
  const write = process.stderr.write;
  process.stderr.write = (text) => said.push(text);
  try {
    const code = await launch.main({platform: 'darwin', arch: 'arm64', home: '/Users/ann', folder, patience: 0,
                                    env: {PATH: docker.bin, ...env}, ...more});
    return {code, said: said.join('')};
  } finally {
    process.stderr.write = write;
  }
}

/// The values of every `flag` in `args`.
const values = (args, flag) => args.flatMap((arg, i) => (arg === flag ? [args[i + 1]] : []));

test('what a host left unanswered is no setting', () => {
  const env = {DATA_DIR: '${user_config.data_dir}', OUTPUT_DIR: '', SANDBOX_MEMORY: '1g', PATH: '/bin'};
  const names = ['DATA_DIR', 'OUTPUT_DIR', 'SANDBOX_MEMORY', 'MAX_SANDBOXES'];
  assert.deepEqual(launch.givenSettings(names, env), {SANDBOX_MEMORY: '1g'});
  assert.deepEqual(launch.withSettings(names, env), {SANDBOX_MEMORY: '1g', PATH: '/bin'});
});

test('docker is looked for in PATH, then where programs with windows find it', () => {
  const mac = launch.dockerPlaces('darwin', {PATH: '/my/bin:relative'}, '/Users/ann');
  assert.equal(mac[0], '/my/bin/docker');
  assert.ok(!mac.some((place) => place.startsWith('relative')));
  for (const place of ['/usr/local/bin/docker', '/opt/homebrew/bin/docker',
                       '/Applications/Docker.app/Contents/Resources/bin/docker',
                       '/Users/ann/.docker/bin/docker', '/Users/ann/.orbstack/bin/docker', '/Users/ann/.rd/bin/docker']) {
    assert.ok(mac.includes(place), place);
  }
  const windows = launch.dockerPlaces('win32', {Path: '.;bin;"C:\\bin"', ProgramFiles: 'D:\\Programs'}, 'C:\\Users\\ann');
  assert.equal(windows[0], 'C:\\bin\\docker.exe');
  assert.ok(windows.includes('D:\\Programs\\Docker\\Docker\\resources\\bin\\docker.exe'));
});

test('a Mac without PATH has places all the same', () => {
  assert.ok(launch.dockerPlaces('darwin', {}, '').includes('/usr/local/bin/docker'));
});

test('on a Mac the server runs locked down in its image, with the folders at their own paths', async () => {
  const docker = fakeDocker('mac');
  const home = path.join(work, 'Users', 'ann');
  for (const name of ['my, data', 'out']) fs.mkdirSync(path.join(home, name), {recursive: true});
  fs.symlinkSync(path.join(home, 'out'), path.join(work, 'link'));
  const {code} = await onMac(docker, {DATA_DIR: '~/my, data', OUTPUT_DIR: path.join(work, 'link'),
                                      SANDBOX_MEMORY: '2g', DOCKER_HOST: '${user_config.docker_host}',
                                      OMCP_SERVER_IMAGE: '${user_config.server_image}'}, {home});
  assert.equal(code, 0);
  const calls = docker.calls();
  assert.deepEqual(calls.map(({args}) => args[0]), ['version', 'image', 'run', 'run']);
  const {args} = calls.at(-1);
  assert.equal(args.at(-1), image);
  assert.deepEqual(args.slice(0, 3), ['run', '-i', '--rm']);
  for (const [flag, value] of [['--network', 'none'], ['--cap-drop', 'ALL'], ['--pull', 'never'],
                               ['--security-opt', 'no-new-privileges'], ['--group-add', '991']]) {
    assert.deepEqual(values(args, flag), [value], flag);
  }
  assert.ok(args.includes('--read-only') && !args.includes('-t') && !args.includes('--privileged'));
  assert.deepEqual(values(args, '--mount'), [
    'type=bind,source=/var/run/docker.sock,target=/var/run/docker.sock',
    'type=volume,source=omcp-r-state,target=/var/lib/omcp-r-sandbox',
    `type=bind,"source=${home}/my, data","target=${home}/my, data",readonly`,
    `type=bind,source=${home}/out,target=${home}/out`]);  // and not the link
  assert.deepEqual(values(args, '-e').sort(),
                   [`DATA_DIR=${home}/my, data`, `HOME=${home}`, `OUTPUT_DIR=${home}/out`, 'SANDBOX_MEMORY=2g']);
});

test('of a folder that is not there the server says so', async () => {
  const docker = fakeDocker('folders');
  await onMac(docker, {DATA_DIR: path.join(work, 'none'), OUTPUT_DIR: 'relative'});
  const {args} = docker.calls().at(-1);
  assert.equal(values(args, '--mount').length, 2);
  assert.deepEqual(values(args, '-e').sort(), [`DATA_DIR=${work}/none`, 'OUTPUT_DIR=relative']);
});

test('a folder that is named twice is mounted once, for the server to refuse', async () => {
  const docker = fakeDocker('twice');
  const both = path.join(work, 'both');
  fs.mkdirSync(both);
  await onMac(docker, {DATA_DIR: both, OUTPUT_DIR: both});
  const {args} = docker.calls().at(-1);
  assert.deepEqual(values(args, '--mount').slice(2), [`type=bind,source=${both},target=${both},readonly`]);
  assert.deepEqual(values(args, '-e').sort(), [`DATA_DIR=${both}`, `OUTPUT_DIR=${both}`]);
});

test('on Linux the socket is that of the context', async () => {
  const docker = fakeDocker('context', {context: 'unix:///run/user/7/docker.sock'});
  await onMac(docker, {}, {platform: 'linux'});
  assert.ok(values(docker.calls().at(-1).args, '--mount')[0].includes('source=/run/user/7/docker.sock,'));
});

test("the engine's address is the client's, and the image can be chosen", async () => {
  const docker = fakeDocker('address', {group: 'stat: no such file'});
  await onMac(docker, {DOCKER_HOST: 'unix:///Users/ann/.colima/docker.sock', OMCP_SERVER_IMAGE: 'mine:1'});
  const {host, args} = docker.calls().at(-1);
  assert.equal(host, 'unix:///Users/ann/.colima/docker.sock');
  assert.deepEqual(values(args, '-e'), []);
  assert.ok(values(args, '--mount')[0].includes('source=/var/run/docker.sock,'));
  assert.deepEqual(values(args, '--group-add'), ['0']);  // no answer: as Docker Desktop has it
  assert.equal(args.at(-1), 'mine:1');
});

test('on Linux the socket is the one of the address', () => {
  const args = launch.runArguments({platform: 'linux', image, group: '0', folders: {},
                                    settings: {DOCKER_HOST: 'unix:///run/user/1000/docker.sock'}});
  assert.equal(values(args, '--mount')[0], 'type=bind,source=/run/user/1000/docker.sock,target=/var/run/docker.sock');
});

test("folders of Windows have the path by which the engine's machine knows them", () => {
  assert.equal(launch.enginePath('win32', 'C:\\Users\\ann\\data'), '/run/desktop/mnt/host/c/Users/ann/data');
  assert.equal(launch.enginePath('darwin', '/Users/ann'), '/Users/ann');
  const args = launch.runArguments({platform: 'win32', image, group: '0', settings: {DATA_DIR: 'D:\\survey'},
                                    folders: {DATA_DIR: 'D:\\survey'}, home: 'C:\\Users\\ann'});
  assert.equal(values(args, '--mount')[2], 'type=bind,source=D:\\survey,target=/run/desktop/mnt/host/d/survey,readonly');
  assert.deepEqual(values(args, '-e'), ['DATA_DIR=/run/desktop/mnt/host/d/survey',
                                         'HOME=/run/desktop/mnt/host/c/Users/ann']);
});

test('one plain line says what is missing', async () => {
  const stopped = await onMac(fakeDocker('stopped', {codes: {version: 1}}));
  assert.equal(stopped.code, 1);
  assert.match(stopped.said, /^omcp-r-sandbox: the engine does not answer\. Start Docker Desktop.*\n$/);
  const absent = await onMac(fakeDocker('absent', {codes: {image: 1}}));
  assert.equal(absent.code, 1);
  assert.equal(absent.said, `omcp-r-sandbox: the server's image is not here yet. Run once in a terminal: docker pull ${image}\n`);
});

// Beyond these the server refuses to start, and the form has no field for the settings that bound them.
test('the form allows no time that the server refuses', () => {
  assert.equal(manifest.user_config.execution_timeout.max, 3600);
  assert.equal(manifest.user_config.sandbox_timeout.max, 86400);
});

test('what is no name of an image is no option of docker', async () => {
  const docker = fakeDocker('option');
  const {code, said} = await onMac(docker, {OMCP_SERVER_IMAGE: '--help'});
  assert.equal(code, 1);
  assert.match(said, /"--help" is no name of an image/);
  assert.deepEqual(docker.calls().map(({args}) => args[0]), ['version']);
});

test("the exit code is the server's", async () => {
  assert.equal((await onMac(fakeDocker('ends', {codes: {run: 7}}))).code, 7);
});

test('the server in the bundle serves on Linux x64 only, and is made a program again', () => {
  const copy = path.join(work, 'copy');
  fs.mkdirSync(copy);
  fs.writeFileSync(path.join(copy, 'omcp-r-sandbox'), '#!/bin/sh\n', {mode: 0o644});
  assert.equal(launch.nativeServer('darwin', 'x64', copy), null);
  assert.equal(launch.nativeServer('linux', 'arm64', copy), null);
  assert.equal(launch.nativeServer('linux', 'x64', work), null);
  const server = launch.nativeServer('linux', 'x64', copy);
  assert.equal(server, path.join(copy, 'omcp-r-sandbox'));
  assert.equal(fs.statSync(server).mode & 0o777, 0o755);
});
