import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2023',
    // What is bundled asks for its licence to go with it.
    license: { fileName: 'licences.md' },
    // The policy that the console is served with takes no code, style or font out of a `data:` URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
  },
  server: {
    proxy: { '/v1': { target: process.env.SPANPASS_CONTROL_PLANE ?? 'http://127.0.0.1:9085' } },
  },
});
