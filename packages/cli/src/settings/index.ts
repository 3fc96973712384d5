export { environmentName } from '../config/settings.ts';
export { authServerSettings, LIVE_SETTINGS } from './auth-server.ts';
export { controlPlaneSettings } from './control-plane.ts';
