// Copies the parts of npm's packages that the page loads into vendor/, with their licence.
import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const from = join(here, "node_modules", "deep-chat");
const to = join(here, "vendor");
mkdirSync(to, { recursive: true });
copyFileSync(join(from, "dist", "deepChat.bundle.js"), join(to, "deepChat.bundle.js"));
copyFileSync(join(from, "LICENSE"), join(to, "deep-chat.LICENSE.txt"));
