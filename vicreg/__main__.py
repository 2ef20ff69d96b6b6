from vicreg.cli.main import main

raise SystemExit(main())
