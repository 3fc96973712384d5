#!/usr/bin/env node
// There before the build is, so that an installation in a checkout can link it.
import '../dist/main.js';
