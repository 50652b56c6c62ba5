from skin_app.cli import main

raise SystemExit(main())
