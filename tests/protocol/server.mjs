// A stdio server as a child process: lines in, messages out. Every wait has a limit.
import {spawn} from 'node:child_process';

export class Server {
  constructor(command, args = [], options = {}) {
    this.messages = [];
    this.listeners = new Set();
    this.child = spawn(command, args, {stdio: ['pipe', 'pipe', 'ignore'], ...options});
    this.exited = new Promise((resolve) => this.child.on('exit', (code) => resolve(code)));
    let rest = Buffer.alloc(0);
    this.child.stdout.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (let end; (end = rest.indexOf(10)) >= 0; rest = rest.subarray(end + 1)) {
        this.hear(rest.subarray(0, end).toString('utf8'));
      }
    });
  }
  hear(line) {
    if (/[\r\u007f\u0085\u2028\u2029]/.test(line)) throw new Error(`a line breaker in: ${line}`);
    const message = JSON.parse(line);
    this.messages.push(message);
    this.listeners.forEach((listener) => listener(message));
  }
  say(message) {
    this.sayLine(JSON.stringify(message));
  }
  sayLine(line) {
    this.child.stdin.write(`${line}\n`);
  }
  // The first message from now on (or already heard) that satisfies `wanted`; undefined after `patience` ms.
  until(wanted, patience = 15000) {
    const heard = this.messages.find(wanted);
    if (heard) return Promise.resolve(heard);
    return new Promise((resolve) => {
      const done = (message) => {
        clearTimeout(timer);
        this.listeners.delete(listener);
        resolve(message);
      };
      const listener = (message) => wanted(message) && done(message);
      const timer = setTimeout(() => done(undefined), patience);
      this.listeners.add(listener);
    });
  }
  end() {
    this.child.stdin.end();
    return this.exited;
  }
}
