import { z } from 'zod';

export const host = z.string().min(1).max(255);
export const port = z.int().min(0).max(65_535);
export const path = z.string().min(1).max(4096);
export const logLevel = z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent']).default('info');
