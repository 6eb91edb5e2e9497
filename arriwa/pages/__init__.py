"""Server-rendered pages: sign-in, onboarding, credentials, chatflows, settings (T1–T3).

Each area is a module with its own `urlpatterns`; all share `templates/shell.html`, the table in
`navigation` and the guards in `access`.
"""
