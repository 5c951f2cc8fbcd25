"""Modals and the home tab: open, update, publish, close. Knows no HTTP."""

from collections.abc import Callable

from bot.limits import TRIGGER_S, VIEW_STACK
from bot.workspace.arguments import Arguments
from bot.workspace.blocks import check_view
from bot.workspace.errors import Refused
from bot.workspace.state import Payload, State


class Triggers:
    """The `trigger_id`s that were handed out; each opens one view within `TRIGGER_S`."""

    def __init__(self, clock: Callable[[], float], new_id: Callable[[], str]) -> None:
        self._clock = clock
        self._new_id = new_id
        self._issued: dict[str, float | None] = {}

    def issue(self) -> str:
        """Return a new `trigger_id`."""
        trigger = f"{len(self._issued) + 1}.{self._new_id()}"
        self._issued[trigger] = self._clock()
        return trigger

    def use(self, trigger: str) -> None:
        """Use one up. Raises `invalid_trigger_id`, `exchanged_trigger_id` or `expired_trigger_id`."""
        if trigger not in self._issued:
            raise Refused("invalid_trigger_id")
        issued, self._issued[trigger] = self._issued[trigger], None
        if issued is None:
            raise Refused("exchanged_trigger_id")
        if self._clock() - issued > TRIGGER_S:
            raise Refused("expired_trigger_id")


class Views:
    """Open modals, lowest first, and the published home tab of each user."""

    def __init__(self, state: State, triggers: Triggers, new_id: Callable[[], str]) -> None:
        self.homes: dict[str, Payload] = {}
        self.stack: list[Payload] = []
        self._state = state
        self._triggers = triggers
        self._new_id = new_id

    def open(self, args: Arguments) -> Payload:
        """`views.open`: https://docs.slack.dev/reference/methods/views.open."""
        view = self._checked(args, "modal")
        self._triggers.use(args.text("trigger_id"))
        self.stack[:] = []
        return {"view": self.push(view)}

    def update(self, args: Arguments) -> Payload:
        """`views.update`: https://docs.slack.dev/reference/methods/views.update."""
        view = self._checked(args, "modal")
        before = self.view(args.text("view_id"))
        if args.has("hash") and args.text("hash") != before["hash"]:
            raise Refused("hash_conflict")
        return {"view": self.replace(before["id"], view)}

    def publish(self, args: Arguments) -> Payload:
        """`views.publish`: https://docs.slack.dev/reference/methods/views.publish."""
        view = self._checked(args, "home")
        user = args.text("user_id")
        if user not in self._state.users:
            raise Refused("user_not_found")
        self.homes[user] = self._complete(view, self._new_id())
        self._state.tell("home", user=user, view=self.homes[user])
        return {"view": self.homes[user]}

    def view(self, view_id: str) -> Payload:
        """Return an open modal. Raises `not_found`."""
        for view in self.stack:
            if view["id"] == view_id:
                return view
        raise Refused("not_found")

    def push(self, view: Payload) -> Payload:
        """Put a modal on top. Raises `push_limit_reached`."""
        if len(self.stack) >= VIEW_STACK:
            raise Refused("push_limit_reached")
        self.stack.append(self._complete(view, self._new_id()))
        self._tell()
        return self.stack[-1]

    def replace(self, view_id: str, view: Payload) -> Payload:
        """Show other content in an open modal."""
        index = self.stack.index(self.view(view_id))
        self.stack[index] = self._complete(view, view_id)
        self._tell()
        return self.stack[index]

    def close(self, view_id: str) -> None:
        """Close a modal; nothing happens if it is not open."""
        self.stack[:] = [view for view in self.stack if view["id"] != view_id]
        self._tell()

    def clear(self) -> None:
        """Close all modals."""
        self.stack[:] = []
        self._tell()

    def _checked(self, args: Arguments, kind: str) -> Payload:
        view = args.mapping("view")
        if view is None:
            raise Refused("invalid_arguments", "[ERROR] missing required field: view")
        if view.get("type") != kind:
            raise Refused("invalid_arguments", f"[ERROR] must be of type {kind} [json-pointer:/view/type]")
        check_view(view)
        return view

    def _complete(self, view: Payload, view_id: str) -> Payload:
        seed = self._state.seed
        ours = {"id": view_id, "hash": self._state.next_ts(), "team_id": seed.team_id, "bot_id": seed.bot_id}
        usual = {"private_metadata": "", "callback_id": "", "notify_on_close": False, "state": {"values": {}}}
        blocks = [{**block, "block_id": block.get("block_id") or self._new_id()[:5]} for block in view["blocks"]]
        return usual | view | ours | {"blocks": blocks, "app_id": seed.app_id, "root_view_id": view_id}

    def _tell(self) -> None:
        self._state.tell("views", views=list(self.stack))
