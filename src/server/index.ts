export {type RunServer, SERVE_DEFAULTS, serveRuns} from './serve-runs.js';
