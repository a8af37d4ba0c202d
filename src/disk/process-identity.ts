import {readFileSync, readlinkSync} from 'node:fs';
import {hostname} from 'node:os';
import {isAlive} from './is-alive.js';

/**
 * Which process wrote a file, so that another one can say later whether it still lives. A number alone does not: it is
 * used again, it counts anew after a boot, and two containers of one name count for themselves. What a system does not
 * tell is null, and is not compared; records of earlier versions hold `pid` and `host` alone.
 */
export interface ProcessIdentity {
  pid: number;
  host: string;
  /** When it started, in clock ticks since the boot: another process of that number started at another time. Linux. */
  started?: string | null;
  /** The boot of its kernel. Linux. */
  boot?: string | null;
  /** The processes that its number counts among: a container has its own. Linux. */
  namespace?: string | null;
  /** The machine, where the process is in no container: images of containers, and so containers, may share its id. */
  machine?: string | null;
}

/** What can be said of another process from here. */
export type Fate =
  /** It is this very process that lives. */
  | 'lives'
  /** It is no more. */
  | 'gone'
  /** A process of its number lives here, and nothing tells whether it is the same one. */
  | 'number in use'
  /** It ran, or runs, where its number means nothing here: another machine, another container. */
  | 'elsewhere';

/** The processes that are in no container, on every Linux. */
const initialNamespace = 'pid:[4026531836]';

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim() || null;
  } catch {
    return null;
  }
}

function namespaceNow(): string | null {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return null;
  }
}

/** The 22nd field; the second, the program's name, may hold anything. */
function startOf(pid: number): string | null {
  const stat = read(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

/** This process. */
export function thisProcess(): Required<ProcessIdentity> {
  const namespace = namespaceNow();
  return {
    pid: process.pid,
    host: hostname(),
    started: startOf(process.pid),
    boot: read('/proc/sys/kernel/random/boot_id'),
    namespace,
    machine: namespace === initialNamespace ? read('/etc/machine-id') : null,
  };
}

/** Both are known, and they are not the same. */
function differ(a: string | null | undefined, b: string | null | undefined): boolean {
  return a != null && b != null && a !== b;
}

/** Whether a process of which a file tells still lives. Never 'gone' for one that might live where this one cannot see. */
export function fateOf(process: ProcessIdentity, here: ProcessIdentity = thisProcess()): Fate {
  if (process.host !== here.host) return 'elsewhere';
  if (differ(process.boot, here.boot))
    return process.machine != null && process.machine === here.machine ? 'gone' : 'elsewhere';
  if (differ(process.namespace, here.namespace)) return 'elsewhere';
  if (!isAlive(process.pid)) return 'gone';
  const started = startOf(process.pid);
  if (differ(process.started, started)) return 'gone';
  return process.started == null || started === null ? 'number in use' : 'lives';
}
