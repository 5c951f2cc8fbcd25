// The line to the workspace: one live stream in, gestures out. Knows nothing of what is shown.

const RETRY_MS = 2000;

// Calls `hear(change)` for everything that happens and `lost(why)` when the line breaks: "down" while nobody answers,
// "closed" when our key is of an earlier start, null when it stands again.
export function listen(hear, lost) {
  const source = new EventSource("/page/events");
  source.onmessage = (event) => {
    const change = JSON.parse(event.data);
    if (change.kind === "snapshot") lost(null);
    hear(change);
  };
  source.onerror = async () => {
    source.close();
    lost(await reason());
    setTimeout(() => listen(hear, lost), RETRY_MS);
  };
}

async function reason() {
  try {
    const answer = await fetch("/", { cache: "no-store" });
    return answer.status === 403 ? "closed" : "down";
  } catch {
    return "down";
  }
}

export async function send(gesture, body) {
  try {
    const answer = await fetch(`/page/${gesture}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    if (answer.ok) return await answer.json();
    return { ok: false, error: "The workspace refused that. Open the newest link that copilot printed." };
  } catch {
    return { ok: false, error: "Not sent: the workspace does not answer. Your text is kept; try again when it is back." };
  }
}
