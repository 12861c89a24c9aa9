// Where the page begins.

import { render } from "preact";
import { App } from "./app.js";
import { wear } from "./parts/theme.js";
import { resume } from "./state/session.js";

wear();
// A key of this tab is tried before anything is drawn: the sign-in page does not flash past.
void resume().finally(() => render(<App />, document.getElementById("app")!));
