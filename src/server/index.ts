export {SERVE_DEFAULTS, serveRuns, type RunServer} from './serve-runs.js';
