"""Addresses below /chatflows."""

from __future__ import annotations

from django.urls import path

from arriwa.pages.chatflows import customers, editor, flows, publish, transfer, trial

urlpatterns = [
    path("chatflows", flows.show, name="chatflows"),
    path("chatflows/install", flows.install, name="chatflows-install"),
    path("chatflows/adopt", flows.adopt, name="chatflows-adopt"),
    path("chatflows/bind", flows.bind, name="chatflows-bind"),
    path("chatflows/flows/<uuid:flow>", flows.flow, name="chatflows-flow"),
    path("chatflows/flows/<uuid:flow>/ask", flows.ask, name="chatflows-ask"),
    path("chatflows/flows/<uuid:flow>/remove", flows.remove, name="chatflows-remove"),
    path("chatflows/playbook", editor.start, name="playbook"),
    path("chatflows/playbook/preset", editor.choose, name="playbook-preset"),
    path("chatflows/playbook/discard", editor.discard, name="playbook-discard"),
    path("chatflows/playbook/languages", editor.languages, name="playbook-languages"),
    path("chatflows/playbook/expert", transfer.expert, name="playbook-expert"),
    path("chatflows/playbook/file", transfer.export, name="playbook-file"),
    path("chatflows/playbook/<slug:section>", editor.edit, name="playbook-section"),
    path("chatflows/trial", trial.show, name="trial"),
    path("chatflows/trial/begin", trial.begin, name="trial-begin"),
    path("chatflows/trial/say", trial.say, name="trial-say"),
    path("chatflows/publish", publish.show, name="publish"),
    path("chatflows/publish/draft", publish.publish, name="publish-draft"),
    path("chatflows/publish/rollback", publish.rollback, name="publish-rollback"),
    path("chatflows/publish/switch", publish.switch, name="publish-switch"),
    path("chatflows/customers", customers.show, name="customers"),
    path("chatflows/customers/take", customers.take, name="customers-take"),
    path("chatflows/customers/<uuid:load>", customers.progress, name="customers-progress"),
]
