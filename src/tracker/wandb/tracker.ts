import {createInterface} from 'node:readline/promises';
import {messageOf} from '../../errors.js';
import type {Tracker} from '../contract.js';
import {logIntoOwnRun, type OwnRun, type OwnRunLogger} from './own-run.js';
import type {Pictures} from './rows.js';
import {findApiKey, resolveSettings, type Surroundings, type WandbOptions} from './settings.js';
import {startUploader, type Uploader} from './start-uploader.js';
import {journalRecords} from './tail.js';
import {freshState, readState, writeState} from './state.js';
import {defaultTiming, type Timing} from './timing.js';

export interface WandbTrackerOptions extends WandbOptions {
  /** The user's own run of `@wandb/sdk`; without it a run is opened. */
  run?: OwnRun;
  /** Draws the images of a run that is the user's own; the uploading process brings its own. */
  pictures?: Pictures;
  timing?: Partial<Timing>;
  /** Program of the uploading process, for tests. */
  entry?: string;
  /** Where lines for people go; standard error by default, nothing with `silent`. */
  say?: (line: string) => void;
  surroundings?: Surroundings;
  /** Asks for a key on a terminal; an empty answer means offline. Null where there is no terminal. */
  askKey?: ((baseUrl: string) => Promise<string>) | null;
}

async function askOnTerminal(baseUrl: string): Promise<string> {
  const terminal = createInterface({input: process.stdin, output: process.stderr});
  try {
    const page = `${baseUrl.replace('//api.wandb', '//wandb')}/authorize`;
    return (await terminal.question(`W&B API key from ${page} (empty: offline): `)).trim();
  } finally {
    terminal.close();
  }
}

/**
 * Records a run in Weights & Biases.
 *
 * With `run`, into the user's own run: nothing is opened, nothing is closed. Without, into a run of our own: a
 * process beside the training reads the journal and uploads it, so the training neither waits for the network nor
 * fails with it, and every row arrives once. Settings are W&B's own: option, then environment, then default.
 *
 * @throws InvarianceError `bad_option` where a setting is refused, when the tracker is built.
 */
export function wandbTracker(options: WandbTrackerOptions = {}): Tracker {
  const {run, pictures, timing, entry, surroundings = {}, ...rest} = options;
  const {say: sayOption, askKey, ...wandb} = rest;
  const settings = resolveSettings(wandb, surroundings);
  const say =
    sayOption ??
    ((line: string) => {
      if (!settings.silent) process.stderr.write(`wandb-invariance: ${line}\n`);
    });
  if (settings.mode === 'disabled') return {name: 'wandb', start() {}, event() {}, reading() {}, finish() {}};
  if (run) return ownRunTracker(run, {pictures, timing, say, settings});

  let uploader: Uploader | undefined;
  let folder = '';
  return {
    name: 'wandb',
    async start(info, {folder: at}) {
      folder = at;
      const before = readState(folder);
      // A run that was opened before stays where it is, whatever the environment says now.
      const state = before
        ? {...before, problem: null}
        : freshState({...settings, id: settings.id ?? info.id});
      let apiKey: string | null = null;
      if (settings.mode === 'online') {
        apiKey = findApiKey(settings.baseUrl, wandb.apiKey, surroundings);
        const ask =
          askKey === undefined
            ? process.stdin.isTTY && process.stderr.isTTY
              ? askOnTerminal
              : null
            : askKey;
        if (apiKey === null && ask) apiKey = (await ask(settings.baseUrl)) || null;
        if (apiKey === null)
          say(`no W&B API key: offline; set WANDB_API_KEY, then run \`wandb-invariance sync ${folder}\``);
      }
      const mode = apiKey === null ? 'offline' : 'online';
      writeState(folder, {...state, settings: {...state.settings, mode}});
      if (apiKey === null) return;
      uploader = startUploader({
        folder,
        apiKey,
        timing,
        entry,
        onMessage(message) {
          if (message.type === 'opened') say(`W&B run: ${message.url}`);
          if (message.type === 'notice') say(message.message);
          if (message.type === 'failed') say(`the upload stopped: ${message.message}`);
        },
      });
    },
    event() {
      // The uploading process reads it in the journal.
    },
    reading() {},
    async finish() {
      const {finishMs} = {...defaultTiming, ...timing};
      if (uploader === undefined || (await uploader.wait(finishMs))) return;
      say(`W&B does not hold everything yet; what is missing: \`wandb-invariance sync ${folder}\``);
    },
  };
}

function ownRunTracker(
  run: OwnRun,
  {
    pictures,
    timing,
    say,
    settings,
  }: {
    pictures?: Pictures;
    timing?: Partial<Timing>;
    say: (line: string) => void;
    settings: ReturnType<typeof resolveSettings>;
  },
): Tracker {
  let logger: OwnRunLogger;
  let folder = '';
  return {
    name: 'wandb',
    async start(info, {folder: at, resumed}) {
      folder = at;
      logger = logIntoOwnRun({run, pictures, timing, onNotice: say});
      const before = readState(folder);
      const own = {
        ...settings,
        id: run.id,
        project: run.project,
        baseUrl: run.settings.baseUrl.replace(/\/+$/, ''),
      };
      writeState(folder, before ?? freshState(own, {own: true}));
      await logger.start(info, resumed ? journalRecords(folder) : []);
    },
    event: event => logger.event(event),
    reading: reading => logger.reading(reading),
    async finish(state) {
      await logger.finish({type: 'ended', time: Date.now(), state});
      try {
        const {entity, project, run: id} = await logger.path;
        const current = readState(folder);
        if (current) {
          const url = `${current.settings.baseUrl}/${entity}/${project}/runs/${id}`;
          writeState(folder, {...current, opened: {entity, project, run: id, url}});
        }
      } catch (error) {
        say(`the run's owner is not known: ${messageOf(error)}`);
      }
    },
  };
}
