"""What a person can do on the page at /docs."""

import json
from typing import Any

from playwright.sync_api import Locator, Page, expect


class Operation:
    """One operation of the page, unfolded."""

    def __init__(self, block: Locator) -> None:
        self._block = block
        self.execute_button = block.get_by_role("button", name="Execute")
        self._clear_button = block.get_by_role("button", name="Clear", exact=True)
        self.body = block.locator("textarea.body-param__text")
        self._live = block.locator(".live-responses-table")

    def execute(self) -> tuple[str, Any]:
        """Press Execute: the status and the body that the page then shows."""
        if self._clear_button.is_visible():
            self._clear_button.click()
            expect(self._live).to_have_count(0)
        with self._block.page.expect_response(lambda response: "/api/" in response.url):
            self.execute_button.click()
        status = self._live.locator("tbody .response-col_status").inner_text()
        shown = self._live.locator(".response-col_description .highlight-code pre").first.inner_text()
        return status.split()[0], json.loads(shown)


class DocsPage:
    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.operations = page.locator(".opblock")
        self.dialog = page.locator(".dialog-ux")

    def open(self) -> None:
        self.page.goto(f"{self.address}/docs")
        expect(self.operations).not_to_have_count(0)

    def operation(self, operation_id: str) -> Operation:
        """Unfolds it, unless an earlier test has."""
        block = self.page.locator(f'.opblock[id$="-{operation_id}"]')
        if block.locator(".opblock-body").count() == 0:
            block.locator(".opblock-summary-control").click()
        return Operation(block)

    def log_in(self, email: str, password: str) -> tuple[str, Any]:
        login = self.operation("logIn")
        login.body.fill(json.dumps({"email": email, "password": password}))
        return login.execute()

    def open_dialog(self) -> None:
        self.page.locator(".scheme-container").get_by_role("button", name="Authorize").click()

    def close_dialog(self) -> None:
        self.dialog.get_by_role("button", name="Close").first.click()
        expect(self.dialog).to_have_count(0)

    def tidy(self) -> None:
        """Forget every token and close the dialog; what is unfolded stays so."""
        if self.dialog.count() == 0:
            if self.page.locator(".scheme-container .authorize.locked").count() == 0:
                return
            self.open_dialog()
        for button in self.dialog.get_by_role("button", name="Remove authorization").all():
            button.click()
        expect(self.dialog.get_by_role("button", name="Remove authorization")).to_have_count(0)
        self.close_dialog()

    def authorize(self, scheme: str, token: str) -> None:
        self.open_dialog()
        field = self.dialog.locator(".auth-container").filter(
            has=self.page.get_by_role("heading", name=scheme)
        )
        field.get_by_role("textbox").fill(token)
        field.get_by_role("button", name="Apply credentials").click()
        expect(field.get_by_role("button", name="Remove authorization")).to_be_visible()
        self.close_dialog()
