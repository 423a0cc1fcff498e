"""The studio over HTTP; `app.create_app` puts it together."""
