#!/usr/bin/env node
import { launch } from '@n3x/core/launch';

await launch(new URL('../', import.meta.url), 'n3xd');
