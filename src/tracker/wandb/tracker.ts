import {messageOf} from '../../errors.js';
import type {Tracker} from '../contract.js';
import {askOnTerminal, type AskedKey} from './ask-key.js';
import {SdkRunLogger, type OwnRun} from './sdk-run.js';
import type {Pictures} from './content/rows.js';
import {runUrl} from './protocol/session.js';
import {
  findApiKey,
  resolveSettings,
  settingsNow,
  type Surroundings,
  type WandbOptions,
  type WandbSettings,
} from './settings.js';
import {OwedList, owedText} from './delivery/owed.js';
import {startUploader, type Uploader} from './delivery/start-uploader.js';
import {freshState, readState, stateKeeper, writeState} from './delivery/state.js';
import {journalRecords} from '../../journal/index.js';
import {defaultTiming, type Timing} from './protocol/timing.js';

/** What `wandbTracker` takes: a run to log into, or the settings of one of our own. */
export interface WandbTrackerOptions extends WandbOptions {
  /** The user's own run of `@wandb/sdk`; without it a run is opened. */
  run?: OwnRun;
  /** Id of a run that another process writes: rows are appended to it once it has ended. */
  appendTo?: string;
  /** Draws the images of a run that is the user's own; the uploading process brings its own. */
  pictures?: Pictures;
  /** Waits and limits, for tests. @internal */
  timing?: Partial<Timing>;
  /** Program of the uploading process, for tests. @internal */
  entry?: string;
  /** Where lines for people go; standard error by default, nothing with `silent`. */
  say?: (line: string) => void;
  /** Environment and files, for tests. @internal */
  surroundings?: Surroundings;
  /** Asks for a key on a terminal; an empty answer means offline. Null where there is no terminal. For tests. @internal */
  askKey?: ((baseUrl: string) => AskedKey) | null;
}

/**
 * Records a run in Weights & Biases.
 *
 * With `run`, into the user's own run: nothing is opened, nothing is closed. Without, into a run of our own: a
 * process beside the training reads the journal and uploads it, so the training neither waits for the network nor
 * fails with it, and every row arrives once. Settings are W&B's own: option, then environment, then default.
 *
 * @throws InvarianceError `bad_option` where a setting is refused, when the tracker is built.
 * @example
 * import {wandbTracker} from 'wandb-invariance';
 *
 * const tracker = wandbTracker({project: 'birds', tags: ['vit-small'], logModel: 'end'});
 */
export function wandbTracker(options: WandbTrackerOptions = {}): Tracker {
  const {run, appendTo, pictures, timing, entry, surroundings = {}, ...rest} = options;
  const {say: sayOption, askKey, ...wandb} = rest;
  const settings = resolveSettings(appendTo === undefined ? wandb : {...wandb, id: appendTo}, surroundings);
  const say =
    sayOption ??
    ((line: string) => {
      if (!settings.silent) process.stderr.write(`wandb-invariance: ${line}\n`);
    });
  if (settings.mode === 'disabled') return {name: 'wandb', start() {}, event() {}, reading() {}, finish() {}};
  if (run) return ownRunTracker(run, {pictures, timing, say, settings});

  const ask =
    askKey === undefined
      ? process.stdin.isTTY && process.stderr.isTTY
        ? (baseUrl: string) => askOnTerminal(baseUrl)
        : null
      : askKey;
  let uploader: Uploader | undefined;
  let asked: AskedKey | undefined;
  let folder = '';

  function upload(apiKey: string): void {
    const state = readState(folder);
    if (state) writeState(folder, {...state, settings: {...state.settings, mode: 'online'}});
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
  }

  return {
    name: 'wandb',
    start(info, {folder: at}) {
      folder = at;
      const before = readState(folder);
      const now = settingsNow(
        {...settings, id: settings.id ?? info.id, mode: 'offline'},
        before?.opened ? {...before.settings, id: before.opened.run} : null,
      );
      const fresh = freshState(now, {own: appendTo === undefined ? false : 'elsewhere'});
      const state = before?.opened ? before : fresh;
      new OwedList(state, () => {}).add({kind: 'rows'});
      // Whatever becomes of the key, `sync` finds how the run is to be uploaded, and that it is.
      writeState(folder, {...state, settings: now, problem: null});
      if (settings.mode !== 'online') return;
      const found = findApiKey(now.baseUrl, {apiKey: wandb.apiKey, today: settings.baseUrl}, surroundings);
      if (found) return upload(found.key);
      const offline = (): void =>
        say(
          `no W&B API key for ${new URL(now.baseUrl).host}: offline; set WANDB_API_KEY, ` +
            `then run \`wandb-invariance sync ${folder}\``,
        );
      if (!ask) return offline();
      // The training does not wait for the answer: rows wait in the journal.
      asked = ask(now.baseUrl);
      void asked.answer
        .then(key => (key === '' ? offline() : upload(key)))
        .catch(error => say(messageOf(error)));
    },
    event() {
      // The uploading process reads it in the journal.
    },
    reading() {},
    async finish() {
      asked?.cancel();
      await asked?.answer;
      const {finishMs} = {...defaultTiming, ...timing};
      if (uploader === undefined) return;
      await uploader.wait(finishMs);
      const owed = owedText(readState(folder)?.owed ?? []);
      if (owed !== '')
        say(`W&B does not hold ${owed} yet; what is missing: \`wandb-invariance sync ${folder}\``);
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
    settings: WandbSettings;
  },
): Tracker {
  let logger: SdkRunLogger;
  let folder = '';
  return {
    name: 'wandb',
    async start(info, {folder: at, resumed}) {
      folder = at;
      const place = {id: run.id, project: run.project, baseUrl: run.settings.baseUrl.replace(/\/+$/, '')};
      const before = readState(folder);
      // Another run than before knows nothing of what that one holds.
      const isSame = (before?.opened?.run ?? before?.settings.id) === run.id;
      const state = before && isSame ? before : freshState(settings, {own: 'sdk'});
      state.settings = {...settings, ...place};
      const save = stateKeeper(folder, state, say);
      save();
      logger = new SdkRunLogger({run, folder, info, state, save, pictures, timing, onNotice: say});
      // Known as soon as W&B says it, so that `sync` finds the run of a process that was killed.
      void logger.path().then(
        path => {
          state.opened = {...path, url: runUrl(place.baseUrl, path)};
          save();
        },
        error => say(`the run's owner is not known: ${messageOf(error)}`),
      );
      await logger.start(resumed ? journalRecords(folder) : []);
    },
    event: event => logger.event(event),
    reading: reading => logger.reading(reading),
    async finish(state) {
      await logger.finish({type: 'ended', time: Date.now(), state});
      const owed = owedText(readState(folder)?.owed ?? []);
      if (owed !== '')
        say(`${owed} may be missing in W&B; once your run has ended: \`wandb-invariance sync ${folder}\``);
    },
  };
}
