/** How far above the ports of the worker before it a worker has its own: room for both, where they lie side by side as usual. */
export const WORKER_PORT_STEP = 2;
